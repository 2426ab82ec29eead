"""Signs that an outbox is in use, which a benchmark would disturb and which would disturb it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models.functions import Now

from outbox import status
from outbox.models import OutboxEvent

QUIET = timedelta(seconds=60)
"""How long nothing must have been emitted."""


def signs(database: str) -> list[str]:
    """Each in a few words, such as "a relay is alive"."""
    return list(_signs(database))


def _signs(database: str) -> Iterator[str]:
    found = status.read(database)
    if any(relay.alive for relay in found.relays):
        yield "a relay is alive"
    if found.pending:
        yield f"{found.pending:,} events wait to be published"
    events = OutboxEvent.objects.using(database)
    newest = events.filter(pk=events.last_id())
    if newest.filter(created_at__gt=Now() - QUIET).exists():
        yield f"an event was emitted within {QUIET.total_seconds():.0f} s"
