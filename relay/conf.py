"""The settings of the relay, ``RELAY`` in Django's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from typing import Annotated, Any, Literal

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from outbox_core import kafka
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON, PRODUCER
from outbox_core.process.settings import A_DAY, Seconds, forget_on_change, read
from outbox_core.wire.encode import EXTENSIONS, Encoder, Extension, encoder
from relay.publishers.base import Publisher

BACKENDS = {
    KAFKA_PYTHON: "relay.publishers.kafka_python.KafkaPythonPublisher",
    CONFLUENT: "relay.publishers.confluent.ConfluentPublisher",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Seconds, rows and bytes as the names say."""

    kafka: kafka.KafkaSettings = field(default_factory=kafka.KafkaSettings)
    """Overrides Django's ``KAFKA`` for the relay."""
    batch_bytes: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """The largest batch of one partition. None: the publisher's own default."""
    delivery_seconds: Annotated[float, msgspec.Meta(gt=0, le=240)] | None = None
    """How long a wave is tried before it counts as failed for now, at most 240; twice as long for the first
    wave of a new confluent producer. None: the publisher's own default, 20.
    """
    content_mode: Literal["binary", "structured"] = "binary"
    """Where CloudEvents attributes go: ``binary`` puts them into headers, ``structured`` into the value."""
    extensions: tuple[Extension, ...] = EXTENSIONS
    """What every record has besides what CloudEvents requires and what its event has: ``sequence``, by which
    ``outbox_audit`` finds the event, and ``partitionkey``, the key as text. Each costs about 0.5 us a record.
    """
    poison: Literal["hold-key", "skip"] = "hold-key"
    """What waits behind a record that the broker can never take: later events of its key (``hold-key``), or
    none (``skip``).
    """
    lease_seconds: Annotated[float, msgspec.Meta(ge=1, le=A_DAY)] = 5.0
    """How long the right to publish a shard lasts. A relay that dies is replaced within this time."""
    poll_seconds: Seconds = 0.25
    """The longest pause between two polls, after some seconds of silence; at most a third of
    ``lease_seconds``. Just after an event the pause is 1 ms; then it is a tenth of the silence so far.
    """
    page_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 2_000
    """The most events that one read of the log returns."""
    page_bytes: Annotated[int, msgspec.Meta(ge=1)] = 4_000_000
    """The most bytes of payload that one read of the log returns. One larger event is read alone."""
    topic_grace_seconds: Annotated[float, msgspec.Meta(ge=0, le=A_DAY)] = 30.0
    """A topic that is missing or forbidden is held at once. After this time the hold is logged as
    an error.
    """
    topic_retry_seconds: Seconds = 10.0
    """The longest pause between two attempts to write to such a topic. The first one comes after half a
    second.
    """
    backoff_seconds: Seconds = 1.0
    """The longest pause between two attempts in an outage."""
    groups_seconds: Seconds | None = 30.0
    """How often one of the relays asks Kafka how far the consumer groups of the outbox's topics are, for the
    status page. None: never.
    """
    audit_seconds: Seconds | None = None
    """How often one of the relays compares what is new in outbox and Kafka, and looks again at what it has
    proved, as ``outbox_audit --continuous`` does. 15 is a good value. None: never.
    """
    shutdown_seconds: Seconds = 30.0
    """How long the relay may take to finish its wave after SIGTERM. Then it ends at once, with
    exit code 3.
    """
    statement_seconds: Annotated[float, msgspec.Meta(ge=1, le=A_DAY)] = 30.0
    """How long a statement may take without progress before the connection is broken."""

    def __post_init__(self) -> None:
        if self.poll_seconds > self.lease_seconds / 3:
            raise ValueError(
                f"POLL_SECONDS {self.poll_seconds:g} is more than a third of LEASE_SECONDS "
                f"{self.lease_seconds:g}: the lease would run out between two polls."
            )
        if self.audit_seconds is not None and "sequence" not in self.extensions:
            raise ValueError(
                'AUDIT_SECONDS needs "sequence" in EXTENSIONS, by which an audit finds the event of a record.'
            )

    def encoder(self, source: str) -> Encoder:
        """Makes records of rows; ``source`` is for rows that have none of their own."""
        return encoder(source, self.content_mode, self.extensions)

    @property
    def publisher(self) -> Any:
        """The class of the publisher. Raises ImproperlyConfigured where it cannot be imported."""
        backend = kafka.backend(self.kafka)
        try:
            return import_string(BACKENDS.get(backend, backend))
        except ImportError as error:
            raise ImproperlyConfigured(
                f'KAFKA["BACKEND"], {backend!r}, cannot be imported: {error}. It can be "{KAFKA_PYTHON}", '
                f'"{CONFLUENT}" or the dotted path of a publisher class.'
            ) from error

    @property
    def kafka_options(self) -> dict[str, Any]:
        """The options of KAFKA under the names of the publisher's client. Raises ImproperlyConfigured."""
        client = getattr(self.publisher, "client", "")
        return kafka.options("RELAY", self.kafka, client=client, side=PRODUCER)

    def make_publisher(self) -> Publisher:
        """A publisher as configured, not yet connected. It gets the options of KAFKA and, as keyword
        arguments, ``batch_bytes`` and ``delivery_seconds`` where they are set.

        Raises:
            ImproperlyConfigured: naming the option.
        """
        make = self.publisher
        options = self.kafka_options
        set_here = {"batch_bytes": self.batch_bytes, "delivery_seconds": self.delivery_seconds}
        arguments = {name: value for name, value in set_here.items() if value is not None}
        try:
            signature(make).bind(options, **arguments)
        except TypeError as error:
            given = ", ".join(["the options", *(f'RELAY["{name.upper()}"]' for name in arguments)])
            raise ImproperlyConfigured(
                f"{kafka.backend(self.kafka)} cannot be made with {given}: {error}."
            ) from error
        publisher: Publisher = make(options, **arguments)
        return publisher


@cache
def settings() -> RelaySettings:
    """Django's ``RELAY``; raises ImproperlyConfigured for an unknown key or a value of the wrong type."""
    return read(RelaySettings, "RELAY")


forget_on_change(settings, "RELAY")
