"""What the app relay registers for audits. What reads Kafka is imported when it is needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from outbox.operations.auditing import Deleted
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.verb import Part

if TYPE_CHECKING:
    from relay.audit.operation.comparing import Comparing


class Audits:
    """Compares both sides for operations. Most web processes never do."""

    def work(self, row: BulkOperation, using: str) -> Part:
        return self._comparing.work(row, using)

    def forget(self, row: BulkOperation, using: str) -> None:
        self._comparing.forget(row, using)

    def deleted(self, topics: Collection[str], seconds: float) -> Sequence[Deleted]:
        from relay.audit.operation.retention import deleted

        return deleted(topics, seconds)

    @cached_property
    def _comparing(self) -> Comparing:
        from relay.audit.operation.comparing import Comparing

        return Comparing()
