"""A cluster in memory, which answers a doctor; what the doctor then finds."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from outbox_core.address import Address
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.cluster import Cluster, Topic, Trouble
from outbox_core.operations.doctor.step import Finding, Result


@dataclass(slots=True)
class MemoryInspector:
    """``reason`` is why it does not answer. ``records`` have a key, and a time so many seconds from now."""

    brokers: tuple[Address, ...] = ()
    known: Mapping[str, Topic] = field(default_factory=dict)
    reason: str = ""
    records: Mapping[bytes, float] = field(default_factory=dict)
    closed: bool = False

    def cluster(self) -> Cluster:
        self._answer()
        return Cluster(id="memory", brokers=self.brokers)

    def topics(self, names: Collection[str]) -> Sequence[Topic]:
        self._answer()
        return [self.known.get(name, Topic(name=name, trouble=Trouble.MISSING)) for name in names]

    def ends(self, topic: str) -> Mapping[int, int]:
        self._answer()
        return {0: 0}

    def read(self, topic: str, starts: Mapping[int, int], key: bytes, seconds: float) -> float | None:
        self._answer()
        return time.time() + self.records[key] if key in self.records else None

    def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
        if self.reason:
            raise KafkaUnreachable(self.reason)


def problem(found: Result) -> Finding:
    """The only one of a step."""
    [one] = found.findings
    return one
