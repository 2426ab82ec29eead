from inbox.models.in_hand import InHand
from inbox.models.instance import Instance
from inbox.models.ledger import Ledger
from inbox.models.offset import Offset
from inbox.models.parked import Parked
from inbox.models.processed import Processed
from inbox.models.unhandled import Unhandled
from inbox.models.unit import Unit

__all__ = ["InHand", "Instance", "Ledger", "Offset", "Parked", "Processed", "Unhandled", "Unit"]
