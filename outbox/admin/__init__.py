"""The outbox in Django's admin: a status page, the events, the holds, operations, the ledger."""

from outbox.admin.events import OutboxEventAdmin
from outbox.admin.holds import HoldAdmin
from outbox.admin.ledger import OutboxLedgerAdmin
from outbox.admin.operations import OutboxOperationAdmin
from outbox.admin.status import OutboxStatusAdmin

__all__ = ["HoldAdmin", "OutboxEventAdmin", "OutboxLedgerAdmin", "OutboxOperationAdmin", "OutboxStatusAdmin"]
