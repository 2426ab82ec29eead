"""manage.py outbox_discard: give up held events; they are never published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from outbox.errors import OutboxError
from outbox.management.operator import OutboxCommand
from outbox.models import EventStatus, Held, Hold, OutboxEvent
from outbox.operations import discarding, selected
from outbox_core.operations.bulk import Step, Tally
from outbox_core.operations.bulk_command import COUNT_UP_TO, LINES, BulkCommand, Preview
from outbox_core.operations.ledger import NEEDS_REASON
from outbox_core.operations.selection import Selection, add_selection
from outbox_core.people.humanize import plural


class Command(BulkCommand, OutboxCommand):
    help = (
        "Discard held events: they are never published. Other events of their holds stay held. "
        "May be interrupted and run again. Exit codes: 0 done, 1 failed, 2 nothing matches or is confirmed, "
        "130 interrupted."
    )
    verb, verb_done = "discard", "discarded"
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

    def preview(self, selection: Selection, options: dict[str, Any]) -> Preview:
        if not options["reason"].strip():
            raise OutboxError(NEEDS_REASON)
        held = selected.held(selection, options["database"])
        if selection.ids:
            missing = sorted(set(selection.ids) - set(held.values_list("event__event_id", flat=True)))
            if missing:
                self.note_missing(missing, selection, self._why_not(options["database"], missing[0]))
        first = held.select_related("event").defer("event__payload", "event__headers").order_by("pk")[:LINES]
        return Preview(
            count=held[: COUNT_UP_TO + 1].count(), noun="event", lines=[_line(each) for each in first]
        )

    def steps(self, selection: Selection, who: str, options: dict[str, Any]) -> Iterator[Step]:
        return discarding.discard(selection, options["database"], who, options["reason"])

    def outcome(self, tally: Tally, selection: Selection, options: dict[str, Any]) -> Iterator[str]:
        if tally.done:
            yield f"Discarded {plural(tally.done, 'event')}, reason: {options['reason'].strip()}"
        if tally.skipped:
            yield (
                f"Not discarded: {plural(tally.skipped, 'event')} whose hold is being released, "
                "so a relay may be publishing them."
            )

    def _why_not(self, database: str, event_id: UUID) -> str:
        event = OutboxEvent.objects.using(database).with_status().filter(event_id=event_id).first()
        if event is None:
            return f"There is no event {event_id} in the outbox of database {database!r}."
        remedy = f" Pause topic {event.topic} first." if event.status == EventStatus.PENDING else ""
        return f"Event {event_id} is {event.status}, and only a held one can be discarded.{remedy}"


def _line(held: Held) -> str:
    return f"Event {held.event.event_id} ({held.event.type}), key {held.event.key} of {held.event.topic}"
