"""Discard: held events are never handled. The rows and the ledger keep the person and the reason."""

from __future__ import annotations

from collections.abc import Iterator

from inbox.errors import InboxError
from inbox.models import Ledger
from inbox.operations import selected
from outbox_core.operations.bulk import Step
from outbox_core.operations.ledger import NEEDS_REASON, OpenEntry
from outbox_core.operations.selection import Selection


def discard(selection: Selection, using: str, who: str, reason: str) -> Iterator[Step]:
    """Discard the held events of a selection; what waited behind them is handled then.

    Raises InboxError without a reason.
    """
    if not reason.strip():
        raise InboxError(NEEDS_REASON)
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
    return selected.steps(chosen, lambda events: events.discard(by=who, reason=reason.strip()), entry, using)
