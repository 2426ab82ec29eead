"""What the commands to release and to discard share."""

from __future__ import annotations

from typing import Any

from inbox.management.command import InboxCommand
from inbox.models import HeldEvent
from inbox.operations import selected
from outbox_core.operations.bulk_command import COUNT_UP_TO, LINES, BulkCommand, Preview
from outbox_core.operations.selection import Selection, add_selection


class HeldCommand(BulkCommand, InboxCommand):
    """Works on held events that are selected by the ids of events."""

    nothing_matches = "No held event matches. Run inbox_status to list what is held."

    def add_arguments(self, parser: Any) -> None:
        self.add_database(parser)
        add_selection(
            parser,
            id_type=str,
            id_help="ids of events (ce_id)",
            metavar="EVENT_ID",
            consumer=True,
        )

    def preview(self, selection: Selection, options: dict[str, Any]) -> Preview:
        held = selected.held(selection, self.database(options))
        there = set(held.values_list("event_id", flat=True)) if selection.ids else set()
        missing = sorted(set(selection.ids) - there)
        if missing:
            said = f"There is no held event {missing[0]}. Run inbox_status to list what is held."
            self.note_missing(missing, selection, said)
        first = held.defer("record").order_by("pk")[:LINES]
        return Preview(
            count=held.order_by()[: COUNT_UP_TO + 1].count(),
            noun="event",
            lines=[_line(each) for each in first],
        )


def _line(held: HeldEvent) -> str:
    why = held.error or "waits behind its key"
    return f"{held.consumer}: event {held.event_id} ({held.type}), key {held.key} of {held.topic}: {why}"
