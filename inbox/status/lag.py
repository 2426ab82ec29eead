"""The lag of a consumer: the records in Kafka behind the offsets in its database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from kafka import TopicPartition
from kafka.errors import KafkaError

from inbox.errors import TopicDeleted
from inbox.kafka.client import WITHOUT_GROUP, bounds, config, connect
from inbox.models import Offset
from outbox_core.wire.decode import moment

ANSWER_SECONDS = 3.0
BOUNDED: Mapping[str, Any] = {
    **WITHOUT_GROUP,
    "bootstrap_timeout_ms": int(ANSWER_SECONDS * 1000),
    "fetch_max_wait_ms": 100,
}
UNCOMMITTED = {"isolation_level": "read_uncommitted"}
"""To see also what waits behind an open transaction of another producer."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """``offset`` is the next one to be handled, ``records`` wait from there on; ``oldest_at`` as
    in ``Lag``.
    """

    topic: str
    partition: int
    offset: int
    records: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lag:
    """``records`` that a consumer has yet to handle, in all partitions of its topics, read or not.

    ``oldest_at`` is when the oldest of them was written. Both are None if unknown; ``reason`` says
    why.
    """

    records: int | None = None
    oldest_at: datetime | None = None
    reason: str = ""
    partitions: tuple[PartitionLag, ...] = field(default=(), compare=False)


class LagReader(Protocol):
    """Whoever knows the lag of a consumer."""

    def lag(self, consumer: str, topics: Collection[str], database: str) -> Lag:
        """The lag of this consumer. Raises errors of the database, but none of Kafka."""


class Asking:
    """Asks Kafka for the lag of several consumers, a few seconds each at most. It joins no group."""

    def __init__(
        self,
        bootstrap_servers: Sequence[str],
        options: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config(bootstrap_servers, options, **BOUNDED)
        self._servers = ",".join(bootstrap_servers)
        self._clock = clock

    def lag(self, consumer: str, topics: Collection[str], database: str) -> Lag:
        """The lag of this consumer now."""
        stored = _stored(consumer, database)
        found: list[Lag] = []
        thread = threading.Thread(target=lambda: found.append(self._ask(topics, stored)), daemon=True)
        thread.start()
        thread.join(3 * ANSWER_SECONDS)  # some calls of the client have no timeout
        return found[0] if found else Lag(reason=f"Kafka does not answer ({self._servers})")

    def _ask(self, topics: Collection[str], stored: Mapping[TopicPartition, int]) -> Lag:
        try:
            with closing(connect(self._config | UNCOMMITTED)) as client:
                return self._lag(client, topics, stored)
        except TopicDeleted as error:
            return Lag(reason=str(error))
        except KafkaError as error:
            return Lag(reason=f"Kafka does not answer ({self._servers}: {type(error).__name__})")

    def _lag(self, client: Any, topics: Collection[str], stored: Mapping[TopicPartition, int]) -> Lag:
        missing = sorted(set(topics) - client.topics())
        if missing:
            return Lag(reason=f"topics do not exist, or may not be read: {', '.join(missing)}")
        partitions = [
            TopicPartition(topic, n) for topic in topics for n in client.partitions_for_topic(topic) or ()
        ]
        found = bounds(client, partitions, int(ANSWER_SECONDS * 1000))
        starts = {p: max(stored.get(p, 0), first) for p, (first, _) in found.items()}
        ends = {p: end for p, (_, end) in found.items()}
        behind = {p: start for p, start in starts.items() if start < ends[p]}
        if not behind:
            return _lag(starts, {}, {})
        with closing(connect(self._config)) as committed:
            unhandled, times = self._readable(committed, behind)
        waiting = {p: start for p, start in unhandled.items() if p not in times and start < ends[p]}
        times |= self._first_records(client, waiting, ends)
        return _lag(starts, {p: max(ends[p] - start, 0) for p, start in unhandled.items()}, times)

    def _readable(
        self, client: Any, behind: Mapping[TopicPartition, int]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int | None]]:
        """Where the first record of each is that a consumer has yet to handle, as far as it can be read now,
        and when it was written.
        """
        stable = {p: end for p, (_, end) in bounds(client, behind, int(ANSWER_SECONDS * 1000)).items()}
        readable = {p: start for p, start in behind.items() if start < stable[p]}
        found = self._first_records(client, readable, stable)
        starts = {p: stable[p] if found.get(p, 0) is None else start for p, start in behind.items()}
        return starts, {p: at for p, at in found.items() if at is not None}

    def _first_records(
        self, client: Any, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int | None]:
        """When the first record of each was written, in milliseconds; None if only transaction markers are
        left. A partition that does not answer in time, or cannot be decoded, is missing.
        """
        found: dict[TopicPartition, int | None] = {}
        until = self._clock() + ANSWER_SECONDS
        while (left := [p for p in starts if p not in found]) and self._clock() < until:
            client.assign(left)
            for partition in left:
                client.seek(partition, starts[partition])
            try:
                batches = client.poll(timeout_ms=500, max_records=1)
            except Exception:  # for a batch that it cannot decode, the client raises errors of any kind
                break
            found |= {partition: records[0].timestamp for partition, records in batches.items()}
            found |= {p: None for p in left if p not in found and _is_at(client, p, ends[p])}
        return found


def _lag(
    starts: Mapping[TopicPartition, int],
    records: Mapping[TopicPartition, int],
    times: Mapping[TopicPartition, int | None],
) -> Lag:
    partitions = [
        PartitionLag(p.topic, p.partition, starts[p], records.get(p, 0), _moment(times.get(p)))
        for p in sorted(starts)
    ]
    known = [at for at in times.values() if at is not None]
    oldest = _moment(min(known, default=None))
    return Lag(sum(records.values()), oldest, partitions=tuple(partitions))


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else moment(milliseconds)


def _is_at(client: Any, partition: TopicPartition, end: int) -> bool:
    position = client.position(partition, timeout_ms=0)
    return position is not None and position >= end


def _stored(consumer: str, database: str) -> dict[TopicPartition, int]:
    rows = Offset.objects.using(database).filter(consumer=consumer)
    values = rows.values_list("topic", "partition", "offset")
    return {TopicPartition(topic, number): offset for topic, number, offset in values}
