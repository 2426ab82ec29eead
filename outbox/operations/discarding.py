"""Discard: held events are never published. The rows and the ledger keep the person and the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import Exists, OuterRef

from outbox.errors import OutboxError
from outbox.fields import ClockTimestamp
from outbox.models import Held, Hold, Ledger
from outbox.operations import selected
from outbox_core.operations.bulk import CHUNK, Step, steps
from outbox_core.operations.ledger import NEEDS_REASON, OpenEntry
from outbox_core.operations.selection import Selection


def discard(selection: Selection, using: str, who: str, reason: str) -> Iterator[Step]:
    """Discard the held events that a selection names by event id.

    Events whose hold is being released are skipped, because a relay may be publishing them. A hold without
    waiting events ends, unless it is a pause. Raises OutboxError without a reason.
    """
    if not reason.strip():
        raise OutboxError(NEEDS_REASON)
    chosen = selected.held(selection, using)
    entry = OpenEntry(
        Ledger,
        using,
        who=who,
        verb=Ledger.Verb.DISCARD,
        scope=f"events: {selection.words}",
        selection=selection.as_json("event"),
        reason=reason.strip(),
        before="held",
    )

    def chunk(after: int) -> Step:
        page = chosen.filter(pk__gt=after).order_by("pk").values_list("pk", "hold_id")[:CHUNK]
        found = list(page)
        holds = _lock({hold for _, hold in found if hold is not None}, using)
        done = _discard([pk for pk, hold in found if hold in holds], reason.strip(), using)
        _end_empty(holds, using)
        return Step(
            done=done,
            events=done,
            skipped=len(found) - done,
            after=found[-1][0] if len(found) == CHUNK else None,
        )

    return steps(chunk, entry, using)


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
