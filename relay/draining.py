"""Whether a relay that drains its outbox has nothing left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import QuerySet

from outbox.models import Hold, OutboxEvent
from relay.condition import State

if TYPE_CHECKING:
    from relay.engine import Relay


def is_drained(relay: Relay) -> bool:
    """Whether everything is published or held: this relay, or other live relays without work, own every
    shard.
    """
    if relay.state not in (State.PUBLISHING, State.STANDBY) or relay.connected is None:
        return False
    events, holds = OutboxEvent.objects.using(relay.alias), Hold.objects.using(relay.alias)
    if not relay.connected.owns_all and (
        relay.condition.seconds < relay.settings.lease_seconds or _exist(events.pending(1))
    ):
        return False
    return not _exist(holds.ending_by_themselves(relay.settings.topic_grace_seconds))


def _exist(rows: QuerySet[Any]) -> bool:
    """Whether there are such rows; True if the database does not answer."""
    try:
        return rows.exists()
    except (DatabaseError, InterfaceError):
        connections[rows.db].close()
        return True
