"""Discard: held events are never handled. The rows and the ledger keep the person and the reason."""

from __future__ import annotations

from collections.abc import Iterator

from inbox.errors import InboxError
from inbox.models import HeldEvent, Ledger
from inbox.operations import selected
from outbox_core.operations.bulk import CHUNK, Step, steps
from outbox_core.operations.ledger import Record
from outbox_core.operations.selection import Selection


def discard(selection: Selection, using: str, who: str, reason: str) -> Iterator[Step]:
    """Discard the held events of a selection; what waited behind them is handled then.

    Raises InboxError without a reason.
    """
    if not reason.strip():
        raise InboxError("Discarding an event needs a reason. The ledger keeps it.")
    chosen = selected.held(selection, using)
    record = Record(
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
        ids = list(chosen.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        done = (
            HeldEvent.objects.using(using).filter(pk__in=ids).discard(by=who, reason=reason.strip())
            if ids
            else 0
        )
        return Step(done=done, events=done, after=ids[-1] if len(ids) == CHUNK else None)

    return steps(chunk, record, using)
