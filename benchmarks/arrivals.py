"""How many records a topic has, as the broker says: the same yardstick for whoever sends them."""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

LOOK_SECONDS, LEADER_SECONDS = 0.02, 30.0


class Span(NamedTuple):
    """From the first records that were seen to the last: how many, and for how many seconds."""

    events: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.events / self.seconds


class Arrivals:
    """Counts the records of a topic."""

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "benchmarks"})
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]

    def count(self) -> int:
        """So far."""
        return sum(map(self._end, self._partitions))

    def _end(self, partition: TopicPartition) -> int:
        """A new partition may have no leader yet."""
        until = time.monotonic() + LEADER_SECONDS
        while True:
            try:
                return int(self._consumer.get_watermark_offsets(partition, timeout=LEADER_SECONDS)[1])
            except KafkaException:
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_SECONDS)

    def wait(self, events: int, seconds: float = 600.0) -> None:
        """Until there are so many. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while (now := self.count()) < events:
            if time.monotonic() > until:
                raise TimeoutError(f"{now:,} of {events:,} events have arrived after {seconds:.0f} s")
            time.sleep(LOOK_SECONDS)

    def span(self, before: int, events: int) -> Span:
        """Wait until ``events`` more than ``before`` have come. The start of their sender does not count."""
        self.wait(before + 1)
        first, start = self.count(), time.perf_counter()
        self.wait(before + events)
        return Span(before + events - first, time.perf_counter() - start)

    def close(self) -> None:
        self._consumer.close()
