"""manage.py inbox_discard: give up held events; they are never handled."""

from __future__ import annotations

from typing import Any

from inbox.management.bulk import HeldCommand
from inbox.operations.bulk import DISCARD


class Command(HeldCommand):
    help = (
        "Discard held events: they are never handled. What waited behind them is handled then. Only what is "
        "selected is discarded, not the rest of its key. "
        "If it is interrupted, inbox_operations continues it. Exit codes: 0 done, 1 failed or "
        "events were skipped, 2 nothing matches or is confirmed, 130 interrupted."
    )
    verb = DISCARD

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reason", required=True, help="why; stored with the events and in the ledger")
