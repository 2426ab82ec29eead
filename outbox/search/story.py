"""What surrounds one event: its transaction, the events before and behind it for its key, its cause and its
effects. Each question reads a bounded number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections

from outbox.models import OutboxEvent
from outbox.search.indexes import KEY, LONGEST, is_there
from outbox.search.rows import LAST
from outbox.sql import statement

NEAR = 10_000
"""How many rows of the log a question reads that has no index."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Nearby:
    """Events in the order of the log. ``more``: there are others, or others were not looked for."""

    events: Sequence[OutboxEvent] = ()
    more: bool = False


class Row(NamedTuple):
    """``part`` is how the event with this id relates to the event, or says that there are more of them."""

    part: str
    id: int | None
    at: datetime | None


class Story:
    """Read it within ``search.one_by_one``: a few statements, whatever surrounds the event."""

    def __init__(self, event: OutboxEvent, using: str) -> None:
        self.event = event
        self._using = using

    @property
    def transaction(self) -> Nearby:
        """The other events of its transaction."""
        return self._nearby("transaction")

    @property
    def committed(self) -> datetime | None:
        """When its transaction was committed, if PostgreSQL runs with track_commit_timestamp."""
        return next((row.at for row in self._rows if row.part == "committed"), None)

    @property
    def before(self) -> Nearby:
        """The last ones before it for its key."""
        found = self._nearby("before")
        return Nearby(found.events[::-1], more=found.more)

    @property
    def behind(self) -> Nearby:
        """The first ones behind it for its key."""
        return self._nearby("behind")

    @property
    def cause_id(self) -> str | None:
        return self._header("causationid")

    @property
    def cause(self) -> OutboxEvent | None:
        """None if it has none, or one that another service wrote."""
        return next(iter(self._nearby("cause").events), None)

    @property
    def effects(self) -> Nearby:
        """Events that its handlers have written to this outbox."""
        return self._nearby("effects")

    @property
    def correlation(self) -> str | None:
        return self._header("correlationid")

    @property
    def trace(self) -> str | None:
        parts = (self._header("traceparent") or "").split("-")
        return parts[1] if len(parts) >= 4 else None

    @property
    def actor(self) -> str | None:
        return self._header("actor")

    def _header(self, name: str) -> str | None:
        value = self.event.headers.get(name)
        return None if value is None else str(value)

    def _nearby(self, part: str) -> Nearby:
        ids = [row.id for row in self._rows if row.part == part]
        found = [self._events[id_] for id_ in ids if id_ in self._events]
        ends_early = any(row.part == f"more {part}" for row in self._rows)
        return Nearby(found[:SHOWN], more=len(found) > SHOWN or ends_early)

    @cached_property
    def _events(self) -> dict[int | None, OutboxEvent]:
        ids = {row.id for row in self._rows if row.id is not None and not row.part.startswith("more ")}
        near = OutboxEvent.objects.using(self._using).with_status().defer("payload", "headers")
        return {event.pk: event for event in near.filter(pk__in=ids)}

    @cached_property
    def _rows(self) -> list[Row]:
        event = self.event
        parameters: dict[str, Any] = {
            "id": event.pk,
            "xid": str(event.xid),
            "event_id": str(event.event_id),
            "topic": event.topic,
            "key": event.key,
            "indexed": event.key[:LONGEST],
            "cause": _uuid(self.cause_id),
        }
        with connections[self._using].cursor() as cursor:
            cursor.execute(surroundings(by_index=is_there(self._using, KEY)), parameters)
            return [Row(*row) for row in cursor.fetchall()]


def surroundings(*, by_index: bool) -> str:
    """The statement that finds what is near. ``by_index``: there is the optional index on keys."""
    numbers = {"near": NEAR, "shown": SHOWN + 1}
    if by_index:
        below = KEY.ids % ("%(indexed)s", "0", "%(indexed)s", "%(id)s", NEAR)
        above = KEY.ids_upwards % ("%(indexed)s", "%(id)s", "%(indexed)s", LAST, NEAR)
        of_key = statement("indexed_of_key", **numbers)
        of_key = of_key.replace("{downwards}", below).replace("{upwards}", above)
    else:
        of_key = statement("near_of_key", **numbers)
    return statement("surroundings", **numbers).replace("{of_key}", of_key)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
