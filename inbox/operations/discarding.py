"""Discard: held events are never handled. The rows and the ledger keep the person and the reason."""

from __future__ import annotations

from collections.abc import Sequence

from inbox.errors import InboxError
from inbox.models import Ledger
from inbox.operations.selected import OfHeldEvents
from outbox_core.operations.bulk.step import Change
from outbox_core.operations.bulk.verb import Order
from outbox_core.operations.ledger import NEEDS_REASON


class Discard(OfHeldEvents):
    """Discards held events; what waited behind them is handled then."""

    name = Ledger.Verb.DISCARD
    past = "Discarded"
    permission = "inbox.discard_held"
    effect = "These events will never be handled. What waits behind them for the same keys is handled then."
    skipped = "which are no longer held"
    needs_reason = True

    def check(self, order: Order, using: str) -> None:
        if not order.reason:
            raise InboxError(NEEDS_REASON)

    def change(self, ids: Sequence[int], order: Order, using: str) -> Change:
        done = self.table(using).filter(pk__in=ids).discard(by=order.who, reason=order.reason)
        return Change(done, done, len(ids) - done)
