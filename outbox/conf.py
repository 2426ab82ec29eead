"""The settings of the outbox, ``OUTBOX`` in Django's settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

import msgspec

from outbox.write.attributes import check_name
from outbox_core.process.settings import forget_on_change, read


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """The key ``SOURCE`` is required; all others have a default."""

    source: Annotated[str, msgspec.Meta(pattern=r"^\S+$")]
    """The CloudEvents source of every event, a URI reference such as ``/shop``. Receivers identify an event
    by source and id: do not change it.
    """
    max_event_bytes: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000
    """The largest payload. ``emit`` refuses a larger one."""
    topic_prefix: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]*$")] = ""
    """Text before the topic of every event."""
    outside_transaction: Literal["allow", "warn", "refuse"] = "warn"
    """What happens when a receiver gets a signal outside a transaction: the event is written (``allow``),
    written with a warning (``warn``), or refused (``refuse``).
    """
    schema: Annotated[str, msgspec.Meta(pattern=r'^[^"\x00]*$', max_length=63)] = ""
    """The PostgreSQL schema of the outbox, for writers whose search_path changes (one schema a tenant).
    Empty: found on the search_path, as every table of Django is.
    """
    key_attributes: tuple[str, ...] = ()
    """Attributes that begin every key, such as ``["tenant"]``: key ``1`` of tenant ``t1`` becomes ``t1:1``,
    so no tenant waits for another one. ``emit`` refuses events without them. Do not change it while events
    wait.
    """
    max_serialized_keys: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    """The most advisory locks that one transaction may take for ``serialize=True``."""
    retention_days: Annotated[int, msgspec.Meta(ge=0)] = 7
    """How long ``outbox_prune`` keeps published events."""
    ledger_days: Annotated[int, msgspec.Meta(ge=0)] = 365
    """How long ``outbox_prune`` keeps entries of the ledger."""
    redact: tuple[str, ...] = ()
    """More names whose values the admin hides."""
    allow_control_characters: bool = False
    """Whether keys and subjects may have characters that no reader can see."""

    def __post_init__(self) -> None:
        try:
            for name in self.key_attributes:
                check_name(name)
        except ValueError as error:
            raise ValueError(f"KEY_ATTRIBUTES: {error}") from None

    def in_kafka(self, topic: str) -> str:
        """The name of an event type's topic in Kafka, with the prefix."""
        return self.topic_prefix + topic


@cache
def settings() -> OutboxSettings:
    """Django's ``OUTBOX``; raises ImproperlyConfigured for a missing, unknown or mistyped key."""
    return read(OutboxSettings, "OUTBOX")


forget_on_change(settings, "OUTBOX")
