"""The table that records what operators did."""

from __future__ import annotations

from outbox_core.operations.ledger import LedgerEntry


class Ledger(LedgerEntry):
    """Who released, discarded, paused, resumed or backfilled what. ``outbox_prune`` deletes nothing here."""

    class Meta(LedgerEntry.Meta):
        db_table = "outbox_ledger"
