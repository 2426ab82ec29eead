"""Records that Kafka deleted, by retention or by hand, before they were read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, InterfaceError
from kafka import TopicPartition
from kafka.errors import KafkaError

from inbox.offsets import OffsetStore
from inbox.signals import records_missed


class MissedRecords:
    """Says when Kafka has deleted records before they were read: the client goes on with the first that is
    left, and says nothing.

    Other gaps are none of them: compaction and transactions leave some, behind the beginning of the log. If
    that passes the mark of a transaction that was read, it cannot be told from a record.
    """

    def __init__(self, consumer: str, store: OffsetStore) -> None:
        self._consumer = consumer
        self._store = store
        self._next: dict[TopicPartition, int] = {}

    def expect(self, partition: TopicPartition, offset: int | None) -> None:
        """The next record is to be this one; None if nobody has read any."""
        self._next.pop(partition, None)
        if offset is not None:
            self._next[partition] = offset

    def found(self, partition: TopicPartition, beginning: int) -> None:
        """The first offset that Kafka has of a partition is this one."""
        expected = self._next.get(partition)
        if expected is not None and beginning > expected:
            self._next[partition] = beginning
            where = {"topic": partition.topic, "partition": partition.partition}
            records_missed.send(self._consumer, **where, first=expected, last=beginning - 1)
            with suppress(DatabaseError, InterfaceError):  # the log has it, and what was read is in hand
                self._store.missed((partition.topic, partition.partition), expected, beginning - 1)

    def look(
        self,
        beginnings: Callable[[list[TopicPartition]], Mapping[TopicPartition, int]],
        batches: Mapping[TopicPartition, Sequence[Any]],
    ) -> None:
        """Look at the next records. Raises nothing of Kafka, as they are in hand."""
        for partition, records in batches.items():
            first, expected = records[0].offset, self._next.get(partition)
            if expected is not None and first > expected:
                self.found(partition, min(first, _beginning(beginnings, partition)))
            self._next[partition] = records[-1].offset + 1


def _beginning(
    beginnings: Callable[[list[TopicPartition]], Mapping[TopicPartition, int]], partition: TopicPartition
) -> int:
    """The first offset that there is; 0 if Kafka does not say."""
    try:
        return beginnings([partition]).get(partition, 0)
    except KafkaError:
        return 0
