"""manage.py outbox_release: publish what waits behind holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from outbox.management.operator import OutboxCommand
from outbox.models import Hold
from outbox.operations import releasing, selected
from outbox_core.operations.bulk import Step, Tally
from outbox_core.operations.bulk_command import COUNT_UP_TO, LINES, BulkCommand, Preview
from outbox_core.operations.selection import Selection, add_selection
from outbox_core.people.humanize import amount, plural

EVENTS = 10_000


class Command(BulkCommand, OutboxCommand):
    help = (
        "Publish the events that wait behind holds, in order, and end the holds. outbox_status lists them. "
        "May be interrupted and run again. Exit codes: 0 done, 1 failed, 2 nothing matches or is confirmed, "
        "130 interrupted."
    )
    verb, verb_done = "release", "released"
    nothing_matches = "No hold matches. Run outbox_status to list what is held."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        reasons = [reason for reason in Hold.Reason.values if reason != Hold.Reason.PAUSED]
        add_selection(
            parser,
            id_type=int,
            id_help="ids of holds",
            metavar="HOLD",
            causes=reasons,
        )

    def preview(self, selection: Selection, options: dict[str, Any]) -> Preview:
        holds = selected.holds(selection, options["database"])
        self._require(selection, options["database"])
        first = holds.with_waiting(EVENTS + 1).order_by("pk")[:LINES]
        return Preview(
            count=holds[: COUNT_UP_TO + 1].count(), noun="hold", lines=[_line(hold) for hold in first]
        )

    def steps(self, selection: Selection, who: str, options: dict[str, Any]) -> Iterator[Step]:
        return releasing.release(selection, options["database"], who)

    def outcome(self, tally: Tally, selection: Selection, options: dict[str, Any]) -> Iterator[str]:
        if tally.done:
            events = plural(tally.events, "event")
            yield f"Released {plural(tally.done, 'hold')}: the relays publish {events} in order."
        if tally.skipped:
            yield f"Being released already: {plural(tally.skipped, 'hold')}."

    def _require(self, selection: Selection, database: str) -> None:
        there = Hold.objects.using(database).filter(pk__in=selection.ids).values_list("pk", flat=True)
        missing = sorted(set(selection.ids) - set(there))
        if missing:
            said = f"There is no hold {missing[0]}. Run outbox_status to list what is held."
            self.note_missing(missing, selection, said)


def _line(hold: Hold) -> str:
    return f"{hold}: {amount(min(hold.waiting, EVENTS), capped=hold.waiting > EVENTS)} waiting"
