"""How an outbox is: for the admin, for ``outbox_status``, for probes."""

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
