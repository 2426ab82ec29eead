"""Asks Kafka how far behind each consumer group of some topics is, in events and in seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from outbox_core.wire.consumed import ConsumerRecord

Spans = Mapping[int, tuple[int, int]]
AGES_SECONDS = 10.0
"""How long the ages of the oldest unread records may take. Those that are not known then stay unknown."""
MOST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroup:
    """A group that has committed offsets of these topics: by topic and partition."""

    name: str
    state: str
    members: int
    offsets: Mapping[tuple[str, int], int]


class GroupReader(Protocol):
    """What an inspector must be able to do. Each method may raise KafkaUnreachable."""

    def groups(self, topics: Collection[str]) -> Sequence[ConsumerGroup]:
        """The groups that have committed offsets of these topics."""

    def bounds(self, topic: str) -> Spans:
        """The first offset and the end offset of each partition."""

    def records(self, topic: str, spans: Spans) -> Iterator[list[ConsumerRecord]]:
        """The records of these spans. An empty list means that nothing came for a moment."""


class GroupLags:
    """Asks once how far behind the groups are. ``clock`` is monotonic, ``now`` is seconds since 1970."""

    def __init__(
        self,
        reader: GroupReader,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._now = now
        self._bounds: dict[str, Spans] = {}
        self._ages: dict[tuple[str, int, int], float] = {}
        self._until = 0.0

    def rows(self, topics: Collection[str]) -> list[dict[str, Any]]:
        """A row for each group and topic, the one that is furthest behind first, ready for JSON."""
        self._until = self._clock() + AGES_SECONDS
        groups = self._reader.groups(topics)
        rows = [
            self._row(group, topic)
            for group in groups
            for topic in sorted({topic for topic, _ in group.offsets})
        ]
        return sorted(rows, key=lambda row: (-row["lag"], row["group"], row["topic"]))[:MOST_ROWS]

    def _row(self, group: ConsumerGroup, topic: str) -> dict[str, Any]:
        spans = self._spans(topic)
        behind = {
            number: (max(offset, spans[number][0]), spans[number][1])
            for (of, number), offset in group.offsets.items()
            if of == topic and number in spans and offset < spans[number][1]
        }
        return {
            "group": group.name,
            "topic": topic,
            "state": group.state,
            "members": group.members,
            "lag": sum(end - start for start, end in behind.values()),
            "seconds": self._age(topic, {number: start for number, (start, _) in behind.items()}),
        }

    def _spans(self, topic: str) -> Spans:
        if topic not in self._bounds:
            self._bounds[topic] = self._reader.bounds(topic)
        return self._bounds[topic]

    def _age(self, topic: str, starts: Mapping[int, int]) -> float | None:
        """The age of the oldest record that the group has not read; 0 if there is none, None if unknown."""
        if not starts:
            return 0.0
        places = {(topic, number, start) for number, start in starts.items()}
        unknown = places - self._ages.keys()
        if unknown and self._clock() < self._until:
            self._read(topic, {number: (start, start + 1) for _, number, start in unknown})
        ages = [self._ages[place] for place in places if place in self._ages]
        return max(ages, default=None)

    def _read(self, topic: str, spans: Spans) -> None:
        for batch in self._reader.records(topic, spans):
            for record in batch:
                age = max(self._now() - record.timestamp / 1000, 0.0)
                self._ages[topic, record.partition, record.offset] = age
            if self._clock() >= self._until:
                return
