"""The table of what people do to many events at once."""

from __future__ import annotations

from outbox_core.operations.bulk.model import BulkOperation, ledger_key


class Operation(BulkOperation):
    """Releases, discards and seeks. Every consumer process carries them out, and so does the command that
    began one. ``inbox_prune`` deletes those that ended ``INBOX["LEDGER_DAYS"]`` ago.
    """

    ledger = ledger_key("inbox.Ledger")

    class Meta(BulkOperation.Meta):
        db_table = "inbox_operation"
