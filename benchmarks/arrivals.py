"""How many records a topic has, as the broker says: the same yardstick for whoever sends them."""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

LOOK_SECONDS, LEADER_SECONDS, MOST_SECONDS = 0.02, 30.0, 600.0
SHARE = 0.01
"""Each look costs the broker CPU, which a slow sender would be charged for if there were many."""


class TooFew(Exception):
    """The backlog was drained too soon for a measurement."""


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

    def wait(self, events: int, share: float = 0.0) -> None:
        """Until there are so many, looking again after this share of the time so far. Raises TimeoutError."""
        began = time.monotonic()
        while (now := self.count()) < events:
            passed = time.monotonic() - began
            if passed > MOST_SECONDS:
                raise TimeoutError(f"{now:,} of {events:,} events have arrived after {passed:.0f} s")
            time.sleep(max(LOOK_SECONDS, share * passed))

    def span(self, events: int) -> Span:
        """From the records of now to so many. Raises TooFew."""
        seen, start = self.count(), time.perf_counter()
        if seen >= events:
            raise TooFew(f"all {events:,} events had arrived before their rate was measured: try --events")
        self.wait(events, SHARE)
        return Span(events - seen, time.perf_counter() - start)

    def close(self) -> None:
        self._consumer.close()
