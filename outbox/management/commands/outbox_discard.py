"""manage.py outbox_discard: give up held events; they are never published."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.core.management.base import CommandParser

from outbox.management.bulk import OutboxFollowing
from outbox.models import EventStatus, Hold, OutboxEvent
from outbox.operations import selected
from outbox.operations.bulk import DISCARD
from outbox_core.operations.bulk.command import BulkCommand
from outbox_core.operations.bulk.selection import Selection, add_selection


class Command(BulkCommand, OutboxFollowing):
    help = (
        "Discard held events: they are never published. Other events of their holds stay held. "
        "If it is interrupted, outbox_operations continues it. Exit codes: 0 done, 1 failed or "
        "events were skipped, 2 nothing matches or is confirmed, 130 interrupted."
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

    def possible(self, ids: Collection[UUID], using: str) -> Iterable[UUID]:
        held = selected.held(Selection(ids=tuple(ids)), using)
        return held.values_list("event__event_id", flat=True)

    def why_not(self, id: UUID, using: str) -> str:
        event = OutboxEvent.objects.using(using).with_status().filter(event_id=id).first()
        if event is None:
            return f"There is no event {id} in the outbox of database {using!r}."
        remedy = f" Pause topic {event.topic} first." if event.status == EventStatus.PENDING else ""
        return f"Event {id} is {event.status}, and only a held one can be discarded.{remedy}"
