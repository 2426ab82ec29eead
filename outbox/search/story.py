"""What surrounds one event: its transaction, the events before and behind it for its key, its cause and its
effects. Each question reads a bounded number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db import connections
from django.db.models.expressions import RawSQL

from outbox.models import OutboxEvent
from outbox.models.event_queries import OutboxEventQuerySet
from outbox.search.indexes import KEY, is_there
from outbox.search.rows import OfIndex, OfLog, Rows, Span

NEAR = 10_000
"""How many rows of the log a question reads that has no index."""
SHOWN = 5
COMMITTED = """
SELECT CASE WHEN current_setting('track_commit_timestamp')::boolean
            THEN pg_xact_commit_timestamp(%s::text::xid8::xid) END
"""


@dataclass(frozen=True, slots=True)
class Nearby:
    """Events in the order of the log. ``more``: there are others, or others were not looked for."""

    events: Sequence[OutboxEvent] = ()
    more: bool = False


class Story:
    """Read it within ``search.one_by_one``."""

    def __init__(self, event: OutboxEvent, using: str) -> None:
        self.event = event
        self._using = using

    @cached_property
    def transaction(self) -> Nearby:
        """The other events of its transaction."""
        same = RawSQL("%s::text::xid8", [str(self.event.xid)])
        found = list(self._events.filter(xid=same).exclude(pk=self.event.pk).order_by("pk")[: SHOWN + 1])
        return Nearby(found[:SHOWN], more=len(found) > SHOWN)

    @cached_property
    def committed(self) -> datetime | None:
        """When its transaction was committed, if PostgreSQL runs with track_commit_timestamp."""
        with connections[self._using].cursor() as cursor:
            cursor.execute(COMMITTED, [str(self.event.xid)])
            found: datetime | None = cursor.fetchone()[0]
        return found

    @cached_property
    def before(self) -> Nearby:
        """The last ones before it for its key."""
        found = self._of_key(upwards=False)
        return Nearby(found.events[::-1], more=found.more)

    @cached_property
    def behind(self) -> Nearby:
        """The first ones behind it for its key."""
        return self._of_key(upwards=True)

    @property
    def cause_id(self) -> str | None:
        return self._header("causationid")

    @cached_property
    def cause(self) -> OutboxEvent | None:
        """None if it has none, or one that another service wrote."""
        try:
            cause = UUID(self.cause_id or "")
        except ValueError:
            return None
        return self._events.filter(event_id=cause).first()

    @cached_property
    def effects(self) -> Nearby:
        """Events that its handlers have written to this outbox."""
        mine = self._events.filter(headers__causationid=str(self.event.event_id))
        return self._near(mine, OfLog(self._using), upwards=True)

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

    def _of_key(self, *, upwards: bool) -> Nearby:
        key, using = self.event.key, self._using
        rows: Rows = OfIndex(using, KEY, key) if self._keys_are_indexed else OfLog(using)
        return self._near(self._events.filter(topic=self.event.topic, key=key), rows, upwards=upwards)

    @cached_property
    def _keys_are_indexed(self) -> bool:
        return is_there(self._using, KEY)

    def _near(self, chosen: OutboxEventQuerySet, rows: Rows, *, upwards: bool) -> Nearby:
        span = Span(upwards=upwards).behind(self.event.pk)
        last = rows.nth(span, NEAR)
        found = list(chosen.filter(rows.within(span.upto(last), NEAR)).order_by(span.order)[: SHOWN + 1])
        return Nearby(found[:SHOWN], more=len(found) > SHOWN or last is not None)

    @property
    def _events(self) -> OutboxEventQuerySet:
        return OutboxEvent.objects.using(self._using).with_status().defer("payload", "headers")
