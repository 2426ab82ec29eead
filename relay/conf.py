"""The settings of the relay, ``RELAY`` in Django's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from typing import Annotated, Any, Literal

import msgspec
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from outbox.conf import read
from relay.publishers.base import Publisher
from relay.publishers.options import unknown

Seconds = Annotated[float, msgspec.Meta(gt=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Seconds, rows and bytes as the names say.

    ``publisher`` is the dotted path of a class; it gets ``options`` (for Kafka: the client's own options)
    and, as keyword arguments, ``publisher_options``. ``poison`` says what waits behind a record that the
    broker can never take: later events of its key (``hold-key``), or none (``skip``).

    A topic that is missing or forbidden is held at once. It is tried again after half a second, then less and
    less often, at least every ``topic_retry_seconds``. After ``topic_grace_seconds`` the hold is logged as an
    error.
    """

    publisher: str = "relay.publishers.kafka_python.KafkaPythonPublisher"
    options: dict[str, Any] = field(default_factory=dict)
    publisher_options: dict[str, Any] = field(default_factory=dict)
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

    def make_publisher(self) -> Publisher:
        """A publisher as configured, not yet connected. Raises ImproperlyConfigured, naming the option."""
        make = import_string(self.publisher)
        parameters = list(signature(make).parameters.values())[1:]
        known = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            for name in self.publisher_options:
                if name not in known:
                    raise unknown(name, self.publisher, known, setting="PUBLISHER_OPTIONS")
        publisher: Publisher = make(self.options, **self.publisher_options)
        return publisher


@cache
def settings() -> RelaySettings:
    """Django's ``RELAY``; raises ImproperlyConfigured for an unknown key or a value of the wrong type."""
    return read(RelaySettings, "RELAY")


@receiver(setting_changed)
def _forget(*, setting: str, **_: object) -> None:
    if setting == "RELAY":
        settings.cache_clear()
