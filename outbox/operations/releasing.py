"""Release: relays publish the events behind holds, in order, and the holds end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from outbox.errors import OutboxError
from outbox.models import Held, Hold, Ledger
from outbox.models.hold_queries import HoldQuerySet
from outbox.operations import selected
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.step import Change
from outbox_core.operations.bulk.verb import Concern, OfRows, Order
from outbox_core.people.humanize import amount

COUNT_UP_TO = 100_000
"""The largest number of events that is counted for one chunk of holds."""
EVENTS = 10_000
"""The largest number of events that a preview counts behind a hold."""


class Release(OfRows):
    """Releases holds, which are selected by hold id. A filter selects no pauses: ``outbox_resume`` ends
    them.
    """

    name = Ledger.Verb.RELEASE
    past, noun, id_name = "Released", "hold", "hold"
    permission = "outbox.release_hold"
    effect = (
        "The relays publish these events again, in order, with what else waits behind the same holds. "
        "What is refused again stays held."
    )
    then = ": the relays publish {events} in order"
    skipped = "which are being released already"

    def check(self, order: Order, using: str) -> None:
        pauses = Hold.objects.using(using).filter(pk__in=order.selection.ids, reason=Hold.Reason.PAUSED)
        pause = pauses.order_by("pk").first()
        if pause is not None:
            raise OutboxError(f"{pause} ends when the topic is resumed (outbox_resume {pause.topic}).")

    def table(self, using: str) -> HoldQuerySet:
        return Hold.objects.using(using).all()

    def chosen(self, order: Order, using: str) -> HoldQuerySet:
        return selected.holds(order.selection, using)

    def change(self, ids: Sequence[int], order: Order, using: str) -> Change:
        still = self.chosen(order, using).filter(pk__in=ids).order_by("pk")
        found = still.select_for_update(no_key=True, of=("self",)).with_due().only("pk")
        due = {hold.pk: hold.due for hold in found}
        held = [pk for pk, is_due in due.items() if not is_due]
        self.table(using).filter(pk__in=held).release()
        behind = Held.objects.using(using).waiting().filter(hold__in=held)
        events = behind.order_by()[: COUNT_UP_TO + 1].count() if held else 0
        return Change(len(held), events, len(due) - len(held))

    def concern(self, row: BulkOperation) -> Concern | None:
        """None: what it skips is released already."""
        return None

    def parse_id(self, text: str) -> int:
        return int(text)

    def lines(self, rows: Any, *, errors: bool = True) -> Iterator[str]:
        for hold in rows.with_waiting(EVENTS + 1):
            waiting = amount(min(hold.waiting, EVENTS), capped=hold.waiting > EVENTS)
            yield f"{hold}: {waiting} waiting"
