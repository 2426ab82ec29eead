"""Orders of a person, carried out to the end in the test's own process."""

from __future__ import annotations

from typing import Any

from outbox.models import Hold, Operation
from outbox.operations.bulk import operations
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order

ALL = Selection(all=True)


def order(verb: str, selection: Selection = ALL, **values: Any) -> Order:
    """By mara; a discard has a reason."""
    reason = {"reason": "a test"} if verb == "discard" else {}
    return Order(verb=verb, selection=selection, **{"who": "mara", **reason, **values})


def begun(
    verb: str,
    selection: Selection = ALL,
    *,
    of: Operations = operations,
    using: str = "default",
    **values: Any,
) -> Any:
    """An operation that is stored, and nothing of it is done."""
    what = order(verb, selection, **values)
    return of.begin(what, using, of.planned(what, using, 1_000_000))


def carry(pk: int, chunks: int | None = None) -> Operation:
    """Carry it out, or so many chunks of it."""
    done = 0
    while done != chunks and operations.carry("default", "a test", only=pk):
        done += 1
    row: Operation = Operation.objects.get(pk=pk)
    return row


def do(verb: str, selection: Selection = ALL, **values: Any) -> Operation:
    """An operation that is done."""
    return carry(begun(verb, selection, **values).pk)


def due() -> int:
    """How many holds the relays release now."""
    return sum(hold.due for hold in Hold.objects.with_due())
