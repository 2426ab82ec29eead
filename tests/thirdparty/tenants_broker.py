"""KAFKA["BACKEND"] of the project of django-tenants: in memory, with topics that take small records only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outbox_core.wire.encode import Record
from relay.publishers.base import Outcome
from relay.publishers.memory import MemoryPublisher

MAX_RECORD_BYTES = 1_500
PUBLISHED: list[str] = []
"""Topic and key of each record."""


class Broker(MemoryPublisher):
    def __init__(self, options: Mapping[str, object]) -> None:
        super().__init__(max_record_bytes=MAX_RECORD_BYTES)

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        before = len(self.records)
        outcomes = super().publish(records)
        PUBLISHED.extend(f"{record.topic} {record.key.decode()}" for record in self.records[before:])
        return outcomes
