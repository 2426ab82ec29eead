"""Release: relays publish the events behind holds, in order, and the holds end."""

from __future__ import annotations

from collections.abc import Iterator

from outbox.errors import OutboxError
from outbox.models import Held, Hold, Ledger
from outbox.operations import selected
from outbox_core.operations.bulk import CHUNK, Step, steps
from outbox_core.operations.ledger import OpenEntry
from outbox_core.operations.selection import Selection

COUNT_UP_TO = 100_000
"""The largest number of events that is counted for one chunk of holds."""


def release(selection: Selection, using: str, who: str) -> Iterator[Step]:
    """Release the holds that a selection names by hold id. A step counts holds and the events behind them.

    Raises OutboxError for the id of a pause.
    """
    chosen = selected.holds(selection, using)
    if selection.ids:
        _refuse_pauses(selection, using)
    entry = OpenEntry(
        Ledger,
        using,
        who=who,
        verb=Ledger.Verb.RELEASE,
        scope=f"holds: {selection.words}",
        selection=selection.as_json("hold"),
        before="held",
    )

    def chunk(after: int) -> Step:
        page = (
            chosen.select_for_update(no_key=True, of=("self",)).with_due().filter(pk__gt=after).order_by("pk")
        )
        found = [(hold.pk, hold.due) for hold in page.only("pk")[:CHUNK]]
        ids = [pk for pk, due in found if not due]
        Hold.objects.using(using).filter(pk__in=ids).release()
        behind = Held.objects.using(using).waiting().filter(hold__in=ids)
        return Step(
            done=len(ids),
            after=found[-1][0] if len(found) == CHUNK else None,
            events=behind.order_by()[: COUNT_UP_TO + 1].count() if ids else 0,
            skipped=len(found) - len(ids),
        )

    return steps(chunk, entry, using)


def _refuse_pauses(selection: Selection, using: str) -> None:
    pauses = Hold.objects.using(using).filter(pk__in=selection.ids, reason=Hold.Reason.PAUSED)
    pause = pauses.order_by("pk").first()
    if pause is not None:
        raise OutboxError(f"{pause} ends when the topic is resumed (outbox_resume {pause.topic}).")
