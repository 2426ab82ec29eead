"""Release: held events are handled again by the running consumer, with the rest of their keys, in order."""

from __future__ import annotations

from collections.abc import Iterator

from inbox.models import HeldEvent, Ledger
from inbox.operations import selected
from outbox_core.operations.bulk import CHUNK, Step, steps
from outbox_core.operations.ledger import Record
from outbox_core.operations.selection import Selection


def release(selection: Selection, using: str, who: str) -> Iterator[Step]:
    """Release the held events of a selection; a step counts them with the rest of their keys."""
    chosen = selected.held(selection, using).unreleased()
    record = Record(
        Ledger,
        using,
        who=who,
        verb=Ledger.Verb.RELEASE,
        scope=f"events: {selection.words}",
        selection=selection.as_json("event"),
        before="held",
    )

    def chunk(after: int) -> Step:
        ids = list(chosen.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        done = HeldEvent.objects.using(using).filter(pk__in=ids).release() if ids else 0
        return Step(done=done, events=done, after=ids[-1] if len(ids) == CHUNK else None)

    return steps(chunk, record, using)
