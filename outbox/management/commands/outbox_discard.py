"""manage.py outbox_discard: give up held events; they are never published."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandParser

from outbox.management.bulk import OutboxFollowing
from outbox.models import EventStatus, Hold, OutboxEvent
from outbox.operations import selected
from outbox.operations.bulk import DISCARD
from outbox_core.operations.bulk.command import BulkCommand
from outbox_core.operations.bulk.selection import Selection, add_selection
from outbox_core.operations.bulk.verb import Order


class Command(BulkCommand, OutboxFollowing):
    help = (
        "Discard held events: they are never published. Other events of their holds stay held. "
        "If it is interrupted, outbox_operations continues it. Exit codes: 0 done, 1 failed, 2 nothing "
        "matches or is confirmed, 130 interrupted."
    )
    verb = DISCARD
    nothing_matches = "No held event matches. Run outbox_status to list what is held."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_selection(
            parser,
            id_type=UUID,
            id_help="ids of events (ce_id)",
            metavar="EVENT_ID",
            causes=Hold.Reason.values,
        )
        parser.add_argument("--reason", required=True, help="why; stored with the events and in the ledger")

    def require(self, order: Order, using: str) -> None:
        super().require(order, using)
        selection = order.selection
        if not selection.ids:
            return
        there = selected.held(Selection(ids=selection.ids), using).values_list("event__event_id", flat=True)
        missing = sorted(set(selection.ids) - set(there))
        if missing:
            self.note_missing(missing, selection, self._why_not(using, missing[0]))

    @staticmethod
    def _why_not(using: str, event_id: UUID) -> str:
        event = OutboxEvent.objects.using(using).with_status().filter(event_id=event_id).first()
        if event is None:
            return f"There is no event {event_id} in the outbox of database {using!r}."
        remedy = f" Pause topic {event.topic} first." if event.status == EventStatus.PENDING else ""
        return f"Event {event_id} is {event.status}, and only a held one can be discarded.{remedy}"
