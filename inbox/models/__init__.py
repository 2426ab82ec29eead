"""The tables of the inbox."""

from inbox.models.held import HeldEvent
from inbox.models.in_hand import InHand
from inbox.models.instance import InboxStatus, Instance
from inbox.models.ledger import Ledger
from inbox.models.offset import Offset
from inbox.models.operation import Operation
from inbox.models.pause import Pause
from inbox.models.processed import Processed
from inbox.models.unhandled import Unhandled
from inbox.models.unit import Unit

__all__ = [
    "HeldEvent",
    "InHand",
    "InboxStatus",
    "Instance",
    "Ledger",
    "Offset",
    "Operation",
    "Pause",
    "Processed",
    "Unhandled",
    "Unit",
]
