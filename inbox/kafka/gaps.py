"""Records that Kafka deleted, by retention or by hand, before they were read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import TopicPartition

from inbox.database import UNAVAILABLE
from inbox.kafka.connections import Bounds, Errors
from inbox.offsets import OffsetStore
from inbox.signals import records_missed


class OffsetGaps:
    """Reports records that Kafka deleted before they were read. The client itself reports nothing: it
    continues with the first record that is left.

    Only gaps before the beginning of the log count. Compaction and transactions leave gaps too, but behind
    it. A deleted transaction marker looks like a deleted record. ``errors`` are those of the client.
    """

    def __init__(self, consumer: str, store: OffsetStore, errors: Errors) -> None:
        self._consumer = consumer
        self._store = store
        self._errors = errors
        self._next: dict[TopicPartition, int] = {}

    def expect(self, partition: TopicPartition, offset: int | None) -> None:
        """Expect this offset for the next record; None if no record was read yet."""
        self._next.pop(partition, None)
        if offset is not None:
            self._next[partition] = offset

    def found(self, partition: TopicPartition, beginning: int) -> None:
        """Report the gap before ``beginning``, Kafka's first offset of the partition, if there is one."""
        expected = self._next.get(partition)
        if expected is not None and beginning > expected:
            self._next[partition] = beginning
            where = {"topic": partition.topic, "partition": partition.partition}
            records_missed.send(self._consumer, **where, first=expected, last=beginning - 1)
            with suppress(*UNAVAILABLE):  # the log line has it; the records must still be handled
                self._store.missed((partition.topic, partition.partition), expected, beginning - 1)

    def check(
        self,
        beginnings: Callable[[list[TopicPartition]], Bounds],
        batches: Mapping[TopicPartition, Sequence[Any]],
    ) -> None:
        """Compare the next records with the expected offsets. Raises no error of Kafka, because the records
        were already read.
        """
        for partition, records in batches.items():
            first, expected = records[0].offset, self._next.get(partition)
            if expected is not None and first > expected:
                self.found(partition, min(first, self._beginning(beginnings, partition)))
            self._next[partition] = records[-1].offset + 1

    def _beginning(
        self, beginnings: Callable[[list[TopicPartition]], Bounds], partition: TopicPartition
    ) -> int:
        """The first offset of a partition; 0 if Kafka does not answer."""
        try:
            return beginnings([partition]).get(partition, 0)
        except self._errors:
            return 0
