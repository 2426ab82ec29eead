"""The settings of the relay, ``RELAY`` in Django's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from outbox.conf import read
from relay.publishers.base import Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Seconds, rows and bytes as the names say.

    ``publisher`` is the dotted path of a class; it gets ``options`` (for Kafka: the client's own options)
    and, as keyword arguments, ``publisher_options``. ``poison`` says what waits behind a record that the
    broker can never take: later events of its key (``hold-key``), or none (``skip``).
    """

    publisher: str = "relay.publishers.kafka_python.KafkaPythonPublisher"
    options: dict[str, Any] = field(default_factory=dict)
    publisher_options: dict[str, Any] = field(default_factory=dict)
    content_mode: Literal["binary", "structured"] = "binary"
    poison: Literal["hold-key", "skip"] = "hold-key"
    lease_seconds: float = 5.0
    poll_busy_seconds: float = 0.005
    poll_idle_seconds: float = 0.04
    page_rows: int = 2_000
    page_bytes: int = 4_000_000
    topic_grace_seconds: float = 30.0
    topic_retry_seconds: float = 10.0
    backoff_seconds: float = 2.0
    shutdown_seconds: float = 30.0
    statement_seconds: float = 30.0

    def make_publisher(self) -> Publisher:
        """A publisher as configured, not yet connected."""
        publisher: Publisher = import_string(self.publisher)(self.options, **self.publisher_options)
        return publisher


@cache
def settings() -> RelaySettings:
    """Django's ``RELAY``; raises ImproperlyConfigured for an unknown key or a value of the wrong type."""
    return read(RelaySettings, "RELAY")


@receiver(setting_changed)
def _forget(*, setting: str, **_: object) -> None:
    if setting == "RELAY":
        settings.cache_clear()
