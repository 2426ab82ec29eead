"""A publisher without a broker, for tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from outbox_core.wire.encode import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import BATCH_HEADER, Failure, Outcome, Trouble
from relay.publishers.topics import Topic
from relay.publishers.wave import fit


class MemoryPublisher:
    """Keeps what is published in ``records``. Its topics have one partition each.

    ``max_record_bytes``, ``missing``, ``forbidden`` and ``short`` (of replicas) make it refuse records as a
    broker would. ``available`` = False is an outage. ``failures`` are the failures of the next waves.
    """

    def __init__(self, *, max_record_bytes: int = 1_048_588, batch_bytes: int = 1_000_000) -> None:
        self.records: list[Record] = []
        self.available = True
        self.missing: set[str] = set()
        self.forbidden: set[str] = set()
        self.short: set[str] = set()
        self.failures: deque[Failure] = deque()
        self._max_record_bytes = max_record_bytes
        self._batch_bytes = batch_bytes

    def __getitem__(self, topic: str) -> Topic:
        """A topic, as a broker would describe it."""
        trouble = None
        if topic in self.missing:
            trouble = Trouble.TOPIC_MISSING
        elif topic in self.forbidden:
            trouble = Trouble.TOPIC_FORBIDDEN
        elif topic in self.short:
            trouble = Trouble.NOT_ENOUGH_REPLICAS
        return Topic(topic, self._max_record_bytes + BATCH_HEADER, trouble)

    def prepare(self, topics: Collection[str]) -> None:
        if not self.available:
            raise PublisherUnavailable("The memory broker is switched off.")

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        wave = fit(records, self, lambda _: 0, batch_bytes=self._batch_bytes, judge=True)
        failure = self.failures.popleft() if self.failures and wave.records else None
        if failure is None:
            self.records += wave.records
        return wave.outcomes([failure] * len(wave.records))

    def close(self, timeout: float) -> None:
        self.available = False
