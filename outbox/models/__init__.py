"""The tables of outbox and relay."""

from outbox.models.audit import ContinuousAudit
from outbox.models.event import OutboxEvent
from outbox.models.groups import ConsumerGroups
from outbox.models.hold import Held, Hold
from outbox.models.ledger import Ledger
from outbox.models.minute import Minute
from outbox.models.operation import Operation
from outbox.models.shard import Checkpoint, Incarnation, OutboxStatus, Position, Relay, Shard, Statistics
from outbox.models.status import EventStatus

__all__ = [
    "Checkpoint",
    "ConsumerGroups",
    "ContinuousAudit",
    "EventStatus",
    "Held",
    "Hold",
    "Incarnation",
    "Ledger",
    "Minute",
    "Operation",
    "OutboxEvent",
    "OutboxStatus",
    "Position",
    "Relay",
    "Shard",
    "Statistics",
]
