"""Release: held events are handled again by the running consumer, with the rest of their keys, in order."""

from __future__ import annotations

from collections.abc import Iterator

from inbox.models import Ledger
from inbox.models.held_queries import HeldEventQuerySet
from inbox.operations import selected
from outbox_core.operations.bulk import Step
from outbox_core.operations.ledger import OpenEntry
from outbox_core.operations.selection import Selection


def release(selection: Selection, using: str, who: str) -> Iterator[Step]:
    """Release the held events of a selection; a step counts them with the rest of their keys."""
    chosen = selected.held(selection, using).unreleased()
    entry = OpenEntry(
        Ledger,
        using,
        who=who,
        verb=Ledger.Verb.RELEASE,
        scope=f"events: {selection.words}",
        selection=selection.as_json("event"),
        before="held",
    )
    return selected.steps(chosen, HeldEventQuerySet.release, entry, using)
