"""What an audit reads of Kafka: each topic from its first record to its present end, and what Kafka has
deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured

from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor import cluster
from outbox_core.operations.doctor.cluster import Trouble
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.encode import wire_time
from relay.audit.scope import ALL, NOTHING
from relay.conf import settings
from relay.consumer_groups.lags import ConsumerGroup

Spans = Mapping[int, tuple[int, int]]
"""The first offset and the end offset of each partition."""
CLOCKS = timedelta(minutes=10)
"""How far the clocks of PostgreSQL, relay and brokers may differ."""
SILENT_SECONDS = 60.0


class Reader(cluster.Inspector, Protocol):
    """An inspector that reads whole topics, too. Each method may raise KafkaUnreachable."""

    def groups(self, topics: Collection[str]) -> Sequence[ConsumerGroup]:
        """The groups that have committed offsets of these topics."""

    def bounds(self, topic: str) -> Spans:
        """The first offset and the end offset of each partition."""

    def offsets_at(self, topic: str, seconds: float) -> Mapping[int, int]:
        """The first offset of that time (since 1970) or later, of each partition that has one."""

    def records(self, topic: str, spans: Spans) -> Iterator[list[ConsumerRecord]]:
        """The records of these spans, those of one partition in order. An empty list means that nothing came
        for a moment.
        """


@dataclass(frozen=True, slots=True)
class Kept:
    """From which time on Kafka must have every event of a topic, and why not from the beginning."""

    since: str
    why: str = ""


def open_reader(seconds: float) -> Reader:
    """A reader with the options of the relay. ``seconds`` is how long each question may take.

    Raises ImproperlyConfigured for a publisher that has none.
    """
    publisher = settings().make_publisher()
    make = getattr(publisher, "inspector", None)
    reader: Any = make(seconds) if make is not None else None
    if not hasattr(reader, "records"):
        raise ImproperlyConfigured(
            f"{type(publisher).__name__} has no inspector with records(), so nothing can be read back. It "
            "takes the publisher of kafka-python or confluent-kafka."
        )
    opened: Reader = reader
    return opened


class KafkaLog:
    """The topics of a cluster. ``clock`` is seconds since 1970."""

    def __init__(self, reader: Reader, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._clock = clock
        self._kept: dict[str, Kept] = {}
        self._topics: dict[str, cluster.Topic] = {}

    def kept(self, topic: str) -> Kept:
        """What Kafka must have of a topic, as far as its settings and its first records show."""
        if topic not in self._kept:
            self._kept[topic] = self._examine(topic)
        return self._kept[topic]

    def forget(self) -> None:
        """Forget what Kafka must have: it may have deleted more since."""
        self._kept.clear()
        self._topics.clear()

    def exists(self, topic: str) -> bool:
        return self._described(topic).trouble is None

    def bounds(self, topic: str) -> Spans:
        """The first offset and the end offset of each partition of a topic."""
        return self._reader.bounds(topic)

    def must_keep(self, topic: str, bounds: Spans) -> Mapping[int, int]:
        """The first offset of each partition that retention does not delete within the next minutes. Nothing
        if Kafka may delete by size or by key, or if the settings of the topic are not known.
        """
        found = self._described(topic)
        kept, size = found.number("retention.ms"), found.number("retention.bytes")
        if "compact" in found.configs.get("cleanup.policy", "compact") or kept is None or size != -1:
            return {}
        if kept < 0:
            return {number: first for number, (first, _) in bounds.items()}
        young = self._reader.offsets_at(topic, self._clock() - kept / 1000 + CLOCKS.total_seconds())
        return {n: max(first, young.get(n, end)) for n, (first, end) in bounds.items()}

    def spans(self, topic: str, since: datetime | None, skew: timedelta = CLOCKS) -> Spans:
        """What must be read of a topic to meet every event since then. Clocks may differ by ``skew``."""
        bounds = self._reader.bounds(topic)
        if since is None:
            return bounds
        found = self._reader.offsets_at(topic, (since - skew).timestamp())
        return {n: (max(first, found.get(n, end)), end) for n, (first, end) in bounds.items()}

    def records(self, topic: str, spans: Spans) -> Iterator[list[ConsumerRecord]]:
        """As ``Reader.records``. Raises KafkaUnreachable if nothing comes for long."""
        spoke = time.monotonic()
        for batch in self._reader.records(topic, spans):
            silent = time.monotonic() - spoke
            if not batch and silent > SILENT_SECONDS:
                raise KafkaUnreachable(f"no records of {topic} came for {silent:.0f} s")
            yield batch
            spoke = time.monotonic() if batch else spoke

    def close(self) -> None:
        self._reader.close()

    def _examine(self, topic: str) -> Kept:
        found = self._described(topic)
        if found.trouble is not None:
            return Kept(ALL)
        if "compact" in found.configs.get("cleanup.policy", ""):
            return Kept(NOTHING, "compacted")
        cut = {number: span for number, span in self._reader.bounds(topic).items() if span[0] > 0}
        return Kept(self._deleted_until(found, cut), "deleted by Kafka") if cut else Kept(ALL)

    def _described(self, topic: str) -> cluster.Topic:
        if topic not in self._topics:
            self._topics[topic] = self._reader.topics([topic])[0]
        if self._topics[topic].trouble is Trouble.FORBIDDEN:
            raise KafkaUnreachable(f"this client may not read topic {topic}; grant Describe and Read")
        return self._topics[topic]

    def _deleted_until(self, topic: cluster.Topic, cut: Spans) -> str:
        """Retention by time deletes nothing younger. Retention by size deletes from the head: what is
        younger than the first record of each partition is there.
        """
        kept, size = topic.number("retention.ms"), topic.number("retention.bytes")
        if kept is not None and size == -1:
            return ALL if kept < 0 else _later(self._clock() - kept / 1000)
        return max(self._first(topic.name, number, span) for number, span in cut.items())

    def _first(self, topic: str, number: int, span: tuple[int, int]) -> str:
        """When the first record of a partition was sent; now if it is empty."""
        if span[0] < span[1]:
            for batch in self.records(topic, {number: span}):
                if batch:
                    return _later(batch[0].timestamp / 1000)
        return _later(self._clock())


def _later(seconds: float) -> str:
    """A time as it is written on the wire, later by the most that the clocks may differ."""
    return wire_time(datetime.fromtimestamp(seconds, UTC) + CLOCKS)
