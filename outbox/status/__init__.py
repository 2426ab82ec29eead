"""The status of an outbox, for the admin and ``outbox_status``."""

from outbox.status.reading import read
from outbox.status.report import HoldReport, RelayReport, ShardReport, Status, Thresholds
from outbox_core.operations.report import Problem, State

__all__ = [
    "HoldReport",
    "Problem",
    "RelayReport",
    "ShardReport",
    "State",
    "Status",
    "Thresholds",
    "read",
]
