"""The settings of the outbox, ``OUTBOX`` in Django's settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

import msgspec

from outbox_core.process.settings import forget_on_change, read


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """``source`` is the CloudEvents source of every event, a URI reference; it alone is required.

    ``topic_prefix`` goes before the topic of every event. ``outside_transaction`` says what happens when a
    receiver gets a signal outside a transaction. ``schema`` names the PostgreSQL schema of the outbox for
    writers whose search_path changes (one schema a tenant); empty: found on the search_path, like every table
    of Django. ``max_serialized_keys`` bounds the advisory locks that one transaction may take for
    ``serialize=True``. ``retention_days`` is how long published events are kept. ``redact`` adds names whose
    values the admin hides. ``allow_control_characters`` lets keys and subjects have characters that no reader
    can see.
    """

    source: Annotated[str, msgspec.Meta(pattern=r"^\S+$")]
    max_event_bytes: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000
    topic_prefix: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]*$")] = ""
    outside_transaction: Literal["allow", "warn", "refuse"] = "warn"
    schema: Annotated[str, msgspec.Meta(pattern=r'^[^"\x00]*$', max_length=63)] = ""
    max_serialized_keys: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    retention_days: Annotated[int, msgspec.Meta(ge=0)] = 7
    redact: tuple[str, ...] = ()
    allow_control_characters: bool = False


@cache
def settings() -> OutboxSettings:
    """Django's ``OUTBOX``; raises ImproperlyConfigured for a missing, unknown or mistyped key."""
    return read(OutboxSettings, "OUTBOX")


forget_on_change(settings, "OUTBOX")
