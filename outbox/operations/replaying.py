"""Replay: published events are sent again, marked as such, by the relays that own their shards.

They go behind a hold of their own. So they are sent in order, survive a crash, and wait while their topic is
held. No new event comes behind that hold, and none waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from outbox.errors import OutboxError
from outbox.fields import ClockTimestamp
from outbox.models import Held, Hold, Ledger, OutboxEvent
from outbox.models.event_queries import OutboxEventQuerySet
from outbox.write.uuid7 import uuid7
from outbox_core.operations.bulk.step import LOOK_SECONDS, Change, Step
from outbox_core.operations.bulk.verb import OfRows, Order

ID = re.compile(r"[a-zA-Z0-9._-]{1,100}")
OF_EVENTS = {
    "topic": "topic",
    "key": "key",
    "key_prefix": "key__startswith",
    "type": "type",
    "since": "created_at__gte",
    "until": "created_at__lt",
}


class Replay(OfRows):
    """Has the relays send published events again. They are selected by event id, and must be in the log when
    it begins, so that it never sends what it caused itself.

    The option ``id`` is what consumers know the replay by, ``to`` a topic instead of their own. With a rate,
    it hands over no more while the relays are behind, so that the rate is theirs, too. Events that are held,
    or wait in another replay, are skipped.
    """

    name = Ledger.Verb.REPLAY
    past, noun, id_name, before = "Replayed", "event", "event", "published"
    permission = "outbox.replay_event"
    effect = (
        "The relays send these events again, in order for each key, with the same ids and the header "
        "ce_replay. Consumers skip them, unless a handler has replays=True or the consumer runs with "
        "--apply-replays."
    )
    then = ": the relays send them again"
    skipped = "which are held, or wait in another replay"

    def check(self, order: Order, using: str) -> None:
        replay_id = order.options["id"]
        if not ID.fullmatch(replay_id) or replay_id.lower() in ("true", "false"):
            raise OutboxError(
                f"{replay_id!r} is not an id for a replay: use up to 100 letters, digits, dots, dashes and "
                "underscores, not true or false."
            )
        hold = _holds(order, using).first()
        if hold is not None and waiting(order, using):
            raise OutboxError(
                f"{hold} is not over. Wait until outbox_status no longer shows it. If it is held, release it "
                "(outbox_release) or end it (outbox_discard)."
            )

    def table(self, using: str) -> OutboxEventQuerySet:
        return OutboxEvent.objects.using(using).all()

    def chosen(self, order: Order, using: str) -> OutboxEventQuerySet:
        """Whatever their status: that costs much to find."""
        named = order.selection.conditions(OF_EVENTS)
        if order.selection.ids:
            named["event_id__in"] = order.selection.ids
        return self.table(using).filter(**named)

    def counted(self, order: Order, using: str) -> OutboxEventQuerySet:
        return self.chosen(order, using).only_published()

    def scope(self, order: Order) -> str:
        to = f" to {order.options['to']}" if order.options.get("to") else ""
        return f"replay {order.options['id']}{to} of events: {order.selection.words}"

    def stored_selection(self, order: Order) -> dict[str, Any]:
        own = {name: value for name, value in order.options.items() if name == "to" and value}
        return {**super().stored_selection(order), **own, "replay": order.options["id"]}

    def chunk(self, order: Order, using: str, after: int, until: int, size: int) -> Step:
        if order.rate and waiting(order, using) > size:
            return Step(done=0, after=after, wait=LOOK_SECONDS)
        return super().chunk(order, using, after, until, size)

    def change(self, ids: Sequence[int], order: Order, using: str) -> Change:
        page = self.table(using).filter(pk__in=ids).only_published().order_by("pk")
        own = page.filter(headers__has_key="replay").first()
        if own is not None:
            refuse_own(own)
        found = list(page.values_list("pk", "bucket", "topic"))
        done = _send(found, order, using) if found else 0
        return Change(done, done, len(found) - done)

    def parse_id(self, text: str) -> UUID:
        return UUID(text)

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Without an id, a new one."""
        return {"id": given.get("id") or uuid7().hex, "to": given.get("to") or ""}

    def lines(self, rows: Any, *, errors: bool = True) -> Iterator[str]:
        for event in rows.only("event_id", "type", "key", "topic"):
            yield f"Event {event.event_id} ({event.type}), key {event.key} of {event.topic}"


def refuse_own(event: OutboxEvent) -> None:
    """Raise OutboxError for an event that a handler has written while it handled a replay."""
    if "replay" in event.headers:
        raise OutboxError(
            f"Event {event.event_id} has the attribute replay itself: a replay of a replay could go on "
            "without end. Choose others."
        )


def waiting(order: Order, using: str) -> int:
    """How many events of a replay are not sent yet."""
    return Held.objects.using(using).waiting().filter(hold__in=_holds(order, using)).count()


def _holds(order: Order, using: str) -> Any:
    return Hold.objects.using(using).filter(scope=Hold.Scope.REPLAY, key=order.options["id"])


def _send(found: list[tuple[int, int, str]], order: Order, using: str) -> int:
    """Put events behind the hold of their topic in this replay. Returns how many."""
    to = order.options.get("to")
    topics = sorted({to or topic for _, _, topic in found})
    holds = {topic: _hold(topic, order.options["id"], using) for topic in topics}
    rows = [Held(hold=holds[to or topic], event_id=event, bucket=bucket) for event, bucket, topic in found]
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
