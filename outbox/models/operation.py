"""The table of what people do to many events at once."""

from __future__ import annotations

from outbox_core.operations.bulk.model import BulkOperation, ledger_key


class Operation(BulkOperation):
    """Releases, discards, replays, backfills, audits and divisions of the log. Relays carry them out, mostly
    the one that owns shard 0, and so does the command that began one. ``outbox_prune`` deletes those that
    ended ``OUTBOX["LEDGER_DAYS"]`` ago.
    """

    ledger = ledger_key("outbox.Ledger")

    class Meta(BulkOperation.Meta):
        db_table = "outbox_operation"
