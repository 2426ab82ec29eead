"""Release: held events are handled again by the running consumer, with the rest of their keys, in order."""

from __future__ import annotations

from collections.abc import Sequence

from inbox.models import Ledger
from inbox.models.held_queries import HeldEventQuerySet
from inbox.operations.selected import OfHeldEvents
from outbox_core.operations.bulk.step import Change
from outbox_core.operations.bulk.verb import Order


class Release(OfHeldEvents):
    """Releases held events. It counts them with the rest of their keys."""

    name = Ledger.Verb.RELEASE
    past = "Released"
    permission = "inbox.release_held"
    effect = (
        "The consumer handles these events again, with the rest of their keys, in order. "
        "What fails again stays held."
    )
    then = ", with the rest of their keys; the consumer handles them in order"

    nothing = "these events are being released already, or are no longer held"

    def check(self, order: Order, using: str) -> None:
        """Any order makes sense."""

    def chosen(self, order: Order, using: str) -> HeldEventQuerySet:
        return super().chosen(order, using).unreleased()

    def counted(self, order: Order, using: str) -> HeldEventQuerySet:
        return super().chosen(order, using)

    def change(self, ids: Sequence[int], order: Order, using: str) -> Change:
        done = self.table(using).filter(pk__in=ids).release()
        return Change(done, done)
