"""The lag of a consumer: the records in Kafka behind the offsets in its database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from kafka import TopicPartition

from inbox.conf import ConsumerSettings, Settings
from inbox.errors import SourceUnavailable, TopicDeleted
from inbox.kafka.clients import inquiry
from inbox.kafka.connections import Bounds, TopicIds
from inbox.kafka.inquiry import Inquiry
from inbox.kafka.members import members
from inbox.kafka.seeking import unavailable
from inbox.models import Offset
from inbox.offsets import Stored
from inbox.status.strangers import strangers
from outbox_core.wire.timestamps import moment

T = TypeVar("T")
ANSWER_SECONDS = 3.0
MEMBERS_SECONDS = 2.0
StoredOffsets = Mapping[TopicPartition, Stored]


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
    why. With both it says which topics are not counted. ``strangers``: so many members of its group are not
    known to its database; 0 also if Kafka does not say.
    """

    records: int | None = None
    oldest_at: datetime | None = None
    reason: str = ""
    partitions: tuple[PartitionLag, ...] = field(default=(), compare=False)
    strangers: int = 0


class LagReader(Protocol):
    """Reads the lag of a consumer."""

    def lag(self, consumer: ConsumerSettings, database: str) -> Lag:
        """The lag of this consumer. Raises errors of the database, but none of Kafka."""


class LagQuestion:
    """Asks Kafka for the lag of several consumers, a few seconds each at most. It joins no group."""

    def __init__(self, inbox: Settings) -> None:
        client, servers, options = inbox.kafka_client()
        self._connect = partial(inquiry, client, servers, options)
        self._servers = ",".join(servers)
        self._inbox = inbox

    def lag(self, consumer: ConsumerSettings, database: str) -> Lag:
        """The lag of this consumer now."""
        until = time.monotonic() + 3 * ANSWER_SECONDS
        stored = _stored(consumer.name, database)
        unknown = Lag(reason=f"Kafka does not answer ({self._servers})")
        lag = _within(until, lambda: self._ask(consumer.topics, stored), unknown)
        if lag.records is None:
            return lag
        found = strangers(consumer.name, database, lambda: self._members(consumer.group, until))
        return replace(lag, strangers=found)

    def _members(self, group: str, until: float) -> frozenset[str]:
        """None if Kafka does not say so soon: the lag is known all the same."""
        until = min(until, time.monotonic() + MEMBERS_SECONDS)
        return _within(until, lambda: members(self._inbox, group), frozenset())

    def _ask(self, topics: Collection[str], stored: StoredOffsets) -> Lag:
        try:
            with (
                closing(self._connect(committed=False)) as everything,
                closing(self._connect()) as readable,
            ):
                return self._answer(everything, readable, topics, stored)
        except TopicDeleted as error:
            return Lag(reason=str(error))
        except SourceUnavailable as error:
            return Lag(reason=f"Kafka does not answer ({error})")

    def _answer(
        self, everything: Inquiry, readable: Inquiry, topics: Collection[str], stored: StoredOffsets
    ) -> Lag:
        try:
            return _lag(everything, readable, topics, stored)
        except everything.errors as error:
            raise unavailable(everything, error) from error


def _within(until: float, ask: Callable[[], T], otherwise: T) -> T:
    """The answer, if it comes in time. Some calls of the clients have no timeout."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(ask()), daemon=True)
    thread.start()
    thread.join(max(0.0, until - time.monotonic()))
    return found[0] if found else otherwise


def _lag(everything: Inquiry, readable: Inquiry, topics: Collection[str], stored: StoredOffsets) -> Lag:
    """``everything`` also sees what waits behind an open transaction of another producer."""
    ids = everything.topic_ids(topics)
    missing = sorted(set(topics) - ids.keys())
    reason = f"topics do not exist, or may not be read: {', '.join(missing)}" if missing else ""
    if not ids:
        return Lag(reason=reason)
    return replace(_lag_of(everything, readable, ids, stored), reason=reason)


def _lag_of(everything: Inquiry, readable: Inquiry, ids: TopicIds, stored: StoredOffsets) -> Lag:
    partitions = [partition for topic in ids for partition in everything.partitions(topic)]
    found = everything.bounds(partitions)
    handled = {p: each.offset for p, each in stored.items() if each.is_of(ids.get(p.topic))}
    starts = {p: max(handled.get(p, 0), first) for p, (first, _) in found.items()}
    ends = {p: end for p, (_, end) in found.items()}
    behind = {p: start for p, start in starts.items() if start < ends[p]}
    if not behind:
        return _of(starts, {}, {})
    unhandled, times = _readable(readable, behind)
    waiting = {p: start for p, start in unhandled.items() if p not in times and start < ends[p]}
    times |= everything.first_records(waiting, ends, ANSWER_SECONDS)
    return _of(starts, {p: max(ends[p] - start, 0) for p, start in unhandled.items()}, times)


def _readable(
    client: Inquiry, behind: Bounds
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int | None]]:
    """For each partition, the offset of the first record that the consumer has not handled and that can be
    read now, and when that record was written.
    """
    stable = {p: end for p, (_, end) in client.bounds(behind.keys()).items()}
    readable = {p: start for p, start in behind.items() if start < stable[p]}
    found = client.first_records(readable, stable, ANSWER_SECONDS)
    starts = {p: stable[p] if found.get(p, 0) is None else start for p, start in behind.items()}
    return starts, {p: at for p, at in found.items() if at is not None}


def _of(starts: Bounds, records: Bounds, times: Mapping[TopicPartition, int | None]) -> Lag:
    partitions = [
        PartitionLag(p.topic, p.partition, starts[p], records.get(p, 0), _moment(times.get(p)))
        for p in sorted(starts)
    ]
    known = [at for at in times.values() if at is not None]
    oldest = _moment(min(known, default=None))
    return Lag(sum(records.values()), oldest, partitions=tuple(partitions))


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else moment(milliseconds)


def _stored(consumer: str, database: str) -> StoredOffsets:
    rows = Offset.objects.using(database).filter(consumer=consumer)
    values = rows.values_list("topic", "partition", "offset", "topic_id")
    return {TopicPartition(topic, number): Stored(offset, id_) for topic, number, offset, id_ in values}
