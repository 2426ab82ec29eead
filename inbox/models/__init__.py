from inbox.models.instance import Instance
from inbox.models.ledger import Ledger
from inbox.models.offset import Offset
from inbox.models.parked import Parked
from inbox.models.processed import Processed

__all__ = ["Instance", "Ledger", "Offset", "Parked", "Processed"]
