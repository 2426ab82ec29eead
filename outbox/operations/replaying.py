"""Replay: published events are sent again, marked as such, by the relays that own their shards.

They go behind a hold of their own. So they are sent in order, survive a crash, and wait while their topic is
held. No new event comes behind that hold, and none waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outbox.errors import OutboxError
from outbox.fields import ClockTimestamp
from outbox.models import Held, Hold, Ledger, OutboxEvent
from outbox.models.event_queries import OutboxEventQuerySet
from outbox_core.database import by_index
from outbox_core.operations.bulk import CHUNK, Step, steps
from outbox_core.operations.ledger import OpenEntry
from outbox_core.operations.selection import Selection

ID = re.compile(r"[a-zA-Z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Selection):
    """Which events are sent again, and how. ``id`` is what consumers know the replay by. Only events behind
    the sequence ``after`` up to ``last`` belong to it, so that it never sends what it caused itself. ``to``
    is a topic instead of their own.
    """

    id: str
    last: int
    after: int = 0
    since: datetime | None = None
    until: datetime | None = None
    to: str | None = None

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id) or self.id.lower() in ("true", "false"):
            raise OutboxError(
                f"{self.id!r} is not an id for a replay: use up to 100 letters, digits, dots, dashes and "
                "underscores, not true or false."
            )

    @property
    def filters(self) -> dict[str, str]:
        times = {"since": self.since, "until": self.until}
        more = {name: time.isoformat() for name, time in times.items() if time is not None}
        return {**super(Replay, self).filters, **more, **({"to": self.to} if self.to else {})}

    def events(self, using: str) -> OutboxEventQuerySet:
        """The published events that it means, oldest first."""
        return self.candidates(using).only_published()

    def candidates(self, using: str) -> OutboxEventQuerySet:
        """The same, whatever their status: that costs much to find."""
        found = OutboxEvent.objects.using(using).filter(pk__gt=self.after, pk__lte=self.last)
        conditions: dict[str, Any] = {
            "event_id__in": self.ids or None,
            "topic": self.topic,
            "key": self.key,
            "type": self.type,
            "created_at__gte": self.since,
            "created_at__lt": self.until,
        }
        found = found.filter(**{name: value for name, value in conditions.items() if value is not None})
        return found.order_by("pk")


def replay(chosen: Replay, using: str, who: str, reason: str = "", *, size: int = CHUNK) -> Iterator[Step]:
    """Have the relays send these events again, ``size`` in each transaction. Events that are held, or wait in
    another replay, are not among them.
    """
    entry = OpenEntry(
        Ledger,
        using,
        who=who,
        verb=Ledger.Verb.REPLAY,
        scope=f"replay {chosen.id} of events: {chosen.words}",
        selection={**chosen.as_json("event"), "replay": chosen.id},
        reason=reason.strip(),
        before="published",
    )

    def chunk(after: int) -> Step:
        with by_index(using):
            ids = list(chosen.candidates(using).filter(pk__gt=after).values_list("pk", flat=True)[:size])
        page = OutboxEvent.objects.using(using).filter(pk__in=ids).only_published().order_by("pk")
        found = list(page.values_list("pk", "bucket", "topic"))
        done = _send(found, chosen, using)
        return Step(
            done=done,
            events=done,
            skipped=len(found) - done,
            after=ids[-1] if len(ids) == size else None,
        )

    return steps(chunk, entry, using)


def refuse_own(event: OutboxEvent) -> None:
    """Raise OutboxError for an event that a handler has written while it handled a replay."""
    if "replay" in event.headers:
        raise OutboxError(
            f"Event {event.event_id} has the attribute replay itself: a replay of a replay could go on "
            "without end. Choose others."
        )


def waiting(chosen: Replay, using: str) -> int:
    """How many events of a replay are not sent yet."""
    return Held.objects.using(using).waiting().filter(hold__in=_holds(chosen, using)).count()


def _holds(chosen: Replay, using: str) -> Any:
    return Hold.objects.using(using).filter(scope=Hold.Scope.REPLAY, key=chosen.id)


def _send(found: list[tuple[int, int, str]], chosen: Replay, using: str) -> int:
    """Put events behind the hold of their topic in this replay. Returns how many."""
    topics = sorted({chosen.to or topic for _, _, topic in found})
    holds = {topic: _hold(topic, chosen.id, using) for topic in topics}
    rows = [
        Held(hold=holds[chosen.to or topic], event_id=event, bucket=bucket) for event, bucket, topic in found
    ]
    held = Held.objects.using(using)
    held.bulk_create(rows, ignore_conflicts=True)
    return held.filter(hold__in=holds.values(), event__in=[event for event, _, _ in found]).count()


def _hold(topic: str, replay_id: str, using: str) -> Hold:
    """The hold, locked, so that no relay ends it before events come behind it."""
    hold, _ = (
        Hold.objects.using(using)
        .select_for_update(no_key=True)
        .get_or_create(
            scope=Hold.Scope.REPLAY,
            topic=topic,
            key=replay_id,
            event=None,
            defaults={"reason": Hold.Reason.REPLAY, "release_at": ClockTimestamp()},
        )
    )
    return hold
