"""The table of what operators and consumers did."""

from __future__ import annotations

from outbox_core.operations.ledger import LedgerEntry


class Ledger(LedgerEntry):
    """Who held, released, discarded or moved what. ``inbox_prune`` deletes entries after
    ``INBOX["LEDGER_DAYS"]``.
    """

    class Meta(LedgerEntry.Meta):
        db_table = "inbox_ledger"
