"""Discard: held events are never published. The rows and the ledger keep the person and the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from outbox.errors import OutboxError
from outbox.fields import ClockTimestamp
from outbox.models import Held, Hold, Ledger
from outbox.models.hold_queries import HeldQuerySet
from outbox.operations import selected
from outbox_core.operations.bulk.step import Change
from outbox_core.operations.bulk.verb import OfRows, Order
from outbox_core.operations.ledger import NEEDS_REASON


class Discard(OfRows):
    """Discards held events, which are selected by event id.

    Events whose hold is being released are skipped, because a relay may be publishing them. A hold without
    waiting events ends, unless it is a pause.
    """

    name = Ledger.Verb.DISCARD
    past, noun, id_name = "Discarded", "event", "event"
    permission = "outbox.discard_held"
    effect = (
        "These events will never be published. Their rows stay in the outbox until they are pruned. "
        "Other events behind the same holds stay held."
    )
    skipped = "whose hold is being released, so a relay may be publishing them"
    needs_reason = True

    def check(self, order: Order, using: str) -> None:
        if not order.reason:
            raise OutboxError(NEEDS_REASON)

    def table(self, using: str) -> HeldQuerySet:
        return Held.objects.using(using).all()

    def chosen(self, order: Order, using: str) -> HeldQuerySet:
        return selected.held(order.selection, using)

    def change(self, ids: Sequence[int], order: Order, using: str) -> Change:
        found = self.table(using).filter(pk__in=ids).values_list("pk", "hold_id")
        of = {pk: hold for pk, hold in found if hold is not None}
        holds = _lock(set(of.values()), using)
        done = _discard([pk for pk, hold in of.items() if hold in holds], order.reason, using)
        _end_empty(holds, using)
        return Change(done, done, len(ids) - done)

    def parse_id(self, text: str) -> UUID:
        return UUID(text)

    def lines(self, rows: Any, *, errors: bool = True) -> Iterator[str]:
        for held in rows.select_related("event").defer("event__payload", "event__headers"):
            event = held.event
            yield f"Event {event.event_id} ({event.type}), key {event.key} of {event.topic}"


def _lock(ids: Collection[int], using: str) -> set[int]:
    """The holds that no relay is releasing, locked until the transaction ends."""
    rows = (
        Hold.objects.using(using).filter(pk__in=ids).select_for_update(no_key=True).with_due().order_by("pk")
    )
    return {hold.pk for hold in rows if not hold.due}


def _discard(held: Collection[int], reason: str, using: str) -> int:
    rows = Held.objects.using(using).waiting().filter(pk__in=held)
    replays, _ = rows.filter(hold__scope=Hold.Scope.REPLAY).delete()  # these were published before
    return replays + rows.update(discarded_at=ClockTimestamp(), discard_reason=reason)


def _end_empty(holds: Collection[int], using: str) -> None:
    waiting = Held.objects.using(using).waiting().filter(hold=OuterRef("pk"))
    empty = Hold.objects.using(using).filter(~Exists(waiting), pk__in=holds)
    empty.exclude(reason=Hold.Reason.PAUSED).release()
