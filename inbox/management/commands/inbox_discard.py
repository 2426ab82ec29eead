"""manage.py inbox_discard: give up held events; they are never handled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inbox.errors import InboxError
from inbox.management.bulk import HeldCommand
from inbox.operations import discarding
from outbox_core.operations.bulk import Step, Tally
from outbox_core.operations.bulk_command import Preview
from outbox_core.operations.ledger import NEEDS_REASON
from outbox_core.operations.selection import Selection
from outbox_core.people.humanize import plural


class Command(HeldCommand):
    help = (
        "Discard held events: they are never handled. What waited behind them is handled then. Only what is "
        "selected is discarded, not the rest of its key. "
        "May be interrupted and run again. Exit codes: 0 done, 1 failed, 2 nothing matches or is confirmed, "
        "130 interrupted."
    )
    verb, verb_done = "discard", "discarded"

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reason", required=True, help="why; stored with the events and in the ledger")

    def preview(self, selection: Selection, options: dict[str, Any]) -> Preview:
        if not options["reason"].strip():
            raise InboxError(NEEDS_REASON)
        return super().preview(selection, options)

    def steps(self, selection: Selection, who: str, options: dict[str, Any]) -> Iterator[Step]:
        return discarding.discard(selection, self.database(options), who, options["reason"])

    def outcome(self, tally: Tally, selection: Selection, options: dict[str, Any]) -> Iterator[str]:
        yield f"Discarded {plural(tally.done, 'event')}, reason: {options['reason'].strip()}"
