"""A publisher without a broker, for tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from outbox.cloudevents import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Outcome, Trouble, size


class MemoryPublisher:
    """Keeps what is published in ``records``. Its topics have one partition each.

    ``max_record_bytes`` and ``missing`` make it refuse records as a broker would, ``available`` makes it one
    that is down, and ``failures`` are the failures that the next waves meet.
    """

    def __init__(self, *, max_record_bytes: int = 1_048_588, batch_bytes: int = 1_000_000) -> None:
        self.records: list[Record] = []
        self.available = True
        self.missing: set[str] = set()
        self.failures: deque[Failure] = deque()
        self._max_record_bytes = max_record_bytes
        self._batch_bytes = batch_bytes

    def prepare(self, topics: Collection[str]) -> None:
        if not self.available:
            raise PublisherUnavailable("The memory broker is switched off.")

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        wave: list[Record] = []
        room: dict[str, int] = {}
        for record in records:
            refusal = self._refusal(record)
            left = room.get(record.topic, self._batch_bytes) - size(record)
            if refusal or (left < 0 and record.topic in room):
                return self._deliver(wave) if wave else [refusal]
            room[record.topic] = left
            wave.append(record)
        return self._deliver(wave)

    def close(self, timeout: float) -> None:
        self.available = False

    def _refusal(self, record: Record) -> Failure | None:
        if record.topic in self.missing:
            return Failure(Trouble.TOPIC_MISSING, f"Topic {record.topic!r} does not exist.")
        if size(record) > self._max_record_bytes:
            return Failure(
                Trouble.RECORD, f"{size(record)} bytes are over the limit of {self._max_record_bytes}."
            )
        return None

    def _deliver(self, wave: list[Record]) -> list[Outcome]:
        failure = self.failures.popleft() if self.failures else None
        if failure is None:
            self.records += wave
        return [failure] * len(wave)
