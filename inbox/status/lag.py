"""The lag of a consumer: the records in Kafka behind the offsets in its database."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from kafka import TopicPartition

from inbox.errors import SourceUnavailable, TopicDeleted
from inbox.kafka.clients import inquiry
from inbox.kafka.connections import Bounds
from inbox.kafka.inquiry import Inquiry
from inbox.kafka.seeking import unavailable
from inbox.models import Offset

ANSWER_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Lag:
    """``records`` that a consumer has yet to handle, in all partitions of its topics, read or not.

    ``oldest_at`` is when the oldest of them was written. Both are None if unknown; ``reason`` says
    why.
    """

    records: int | None = None
    oldest_at: datetime | None = None
    reason: str = ""


class LagReader(Protocol):
    """Whoever knows the lag of a consumer."""

    def lag(self, consumer: str, topics: Collection[str], database: str) -> Lag:
        """The lag of this consumer. Raises errors of the database, but none of Kafka."""


class Asking:
    """Asks Kafka for the lag of several consumers, a few seconds each at most. It joins no group."""

    def __init__(self, client: str, servers: Sequence[str], options: Mapping[str, Any]) -> None:
        self._connect = partial(inquiry, client, servers, options)
        self._servers = ",".join(servers)

    def lag(self, consumer: str, topics: Collection[str], database: str) -> Lag:
        """The lag of this consumer now."""
        stored = _stored(consumer, database)
        found: list[Lag] = []
        thread = threading.Thread(target=lambda: found.append(self._ask(topics, stored)), daemon=True)
        thread.start()
        thread.join(3 * ANSWER_SECONDS)  # some calls of the client have no timeout
        return found[0] if found else Lag(reason=f"Kafka does not answer ({self._servers})")

    def _ask(self, topics: Collection[str], stored: Bounds) -> Lag:
        try:
            with closing(self._connect()) as client:
                return self._answer(client, topics, stored)
        except TopicDeleted as error:
            return Lag(reason=str(error))
        except SourceUnavailable as error:
            return Lag(reason=f"Kafka does not answer ({error})")

    def _answer(self, client: Inquiry, topics: Collection[str], stored: Bounds) -> Lag:
        try:
            return _lag(client, topics, stored)
        except client.errors as error:
            raise unavailable(client, error) from error


def _lag(client: Inquiry, topics: Collection[str], stored: Bounds) -> Lag:
    missing = sorted(set(topics) - client.topic_ids(topics).keys())
    if missing:
        return Lag(reason=f"topics do not exist, or may not be read: {', '.join(missing)}")
    partitions = [partition for topic in topics for partition in client.partitions(topic)]
    found = client.bounds(partitions)
    starts = {p: max(stored.get(p, 0), first) for p, (first, _) in found.items()}
    ends = {p: end for p, (_, end) in found.items()}
    behind = {p: start for p, start in starts.items() if start < ends[p]}
    oldest = client.first_records(behind, ends, ANSWER_SECONDS)
    records = sum(ends[p] - start for p, start in behind.items() if oldest.get(p, 0) is not None)
    times = [at for at in oldest.values() if at is not None]
    return Lag(records, datetime.fromtimestamp(min(times) / 1000, UTC) if times else None)


def _stored(consumer: str, database: str) -> dict[TopicPartition, int]:
    rows = Offset.objects.using(database).filter(consumer=consumer)
    values = rows.values_list("topic", "partition", "offset")
    return {TopicPartition(topic, number): offset for topic, number, offset in values}
