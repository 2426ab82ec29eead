"""The inbox in Django's admin: its status, the consumers' processes, held events, operations, the ledger."""

from inbox.admin.held import HeldEventAdmin
from inbox.admin.operations import InboxOperationAdmin
from inbox.admin.processes import InboxLedgerAdmin, InstanceAdmin
from inbox.admin.status import InboxStatusAdmin

__all__ = ["HeldEventAdmin", "InboxLedgerAdmin", "InboxOperationAdmin", "InboxStatusAdmin", "InstanceAdmin"]
