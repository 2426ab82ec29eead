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
from outbox_core.process.settings import forget_on_change, read
from relay.publishers.base import Publisher

Seconds = Annotated[float, msgspec.Meta(gt=0)]
BACKENDS = {
    KAFKA_PYTHON: "relay.publishers.kafka_python.KafkaPythonPublisher",
    CONFLUENT: "relay.publishers.confluent.ConfluentPublisher",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Seconds, rows and bytes as the names say.

    ``kafka`` overrides Django's ``KAFKA``. ``batch_bytes`` bounds the batch of a partition, and
    ``delivery_seconds`` is how long a wave is tried before it is reported as failed for now; None is the
    publisher's own default. ``poison`` says what waits behind a record that the broker can never take: later
    events of its key (``hold-key``), or none (``skip``).

    A topic that is missing or forbidden is held at once. It is tried again after half a second, then less and
    less often, at least every ``topic_retry_seconds``. After ``topic_grace_seconds`` the hold is logged as an
    error.
    """

    kafka: kafka.KafkaSettings = field(default_factory=kafka.KafkaSettings)
    batch_bytes: Annotated[int, msgspec.Meta(ge=1)] | None = None
    delivery_seconds: Seconds | None = None
    content_mode: Literal["binary", "structured"] = "binary"
    poison: Literal["hold-key", "skip"] = "hold-key"
    lease_seconds: Annotated[float, msgspec.Meta(ge=1)] = 5.0
    poll_busy_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.005
    poll_idle_seconds: Seconds = 0.04
    page_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 2_000
    page_bytes: Annotated[int, msgspec.Meta(ge=1)] = 4_000_000
    topic_grace_seconds: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    topic_retry_seconds: Seconds = 10.0
    backoff_seconds: Seconds = 1.0
    shutdown_seconds: Seconds = 30.0
    statement_seconds: Annotated[float, msgspec.Meta(ge=1)] = 30.0

    def __post_init__(self) -> None:
        if self.poll_idle_seconds > self.lease_seconds / 3:
            raise ValueError(
                f"POLL_IDLE_SECONDS {self.poll_idle_seconds:g} is more than a third of LEASE_SECONDS "
                f"{self.lease_seconds:g}: the lease would run out between two polls."
            )

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

    def make_publisher(self) -> Publisher:
        """A publisher as configured, not yet connected. It gets the options of KAFKA and, as keyword
        arguments, ``batch_bytes`` and ``delivery_seconds`` where they are set.

        Raises:
            ImproperlyConfigured: naming the option.
        """
        make = self.publisher
        options = kafka.options("RELAY", self.kafka, client=getattr(make, "client", ""), side=PRODUCER)
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
