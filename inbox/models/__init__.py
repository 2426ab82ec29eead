from inbox.models.instance import Instance
from inbox.models.offset import Offset
from inbox.models.parked import Parked
from inbox.models.processed import Processed

__all__ = ["Instance", "Offset", "Parked", "Processed"]
