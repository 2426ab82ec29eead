"""The table of what operators did to held events."""

from __future__ import annotations

from outbox_core.operations.ledger import LedgerEntry


class Ledger(LedgerEntry):
    """Who released or discarded which events. ``inbox_prune`` deletes nothing here."""

    class Meta(LedgerEntry.Meta):
        db_table = "inbox_ledger"
