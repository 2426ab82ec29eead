"""The table that records what operators and relays did."""

from __future__ import annotations

from outbox_core.operations.ledger import LedgerEntry


class Ledger(LedgerEntry):
    """Who held, released, discarded, paused, replayed or backfilled what. ``outbox_prune`` deletes entries
    after ``OUTBOX["LEDGER_DAYS"]``.
    """

    class Meta(LedgerEntry.Meta):
        db_table = "outbox_ledger"
