from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from inbox.client import ANSWER_MS
from inbox.signals import records_missed


class MissedRecords:
    """Says when Kafka has deleted records, by retention or by hand, before they were read: the client goes on
    with the first that is left, and says nothing.

    Other gaps are none of them: compaction and transactions leave some, behind the beginning of the log. If
    that passes the mark of a transaction that was read, it cannot be told from a record.
    """

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._next: dict[TopicPartition, int] = {}

    def expect(self, partition: TopicPartition, offset: int | None) -> None:
        """The next record is to be this one; None if nobody has read any."""
        self._next.pop(partition, None)
        if offset is not None:
            self._next[partition] = offset

    def look(self, client: Any, batches: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Look at the next records. Raises nothing, as they are in hand."""
        for partition, records in batches.items():
            first, expected = records[0].offset, self._next.get(partition)
            self._next[partition] = records[-1].offset + 1
            if expected is not None and first > expected:
                self._judge(partition, expected, min(first, _beginning(client, partition)))

    def _judge(self, partition: TopicPartition, expected: int, beginning: int) -> None:
        if beginning > expected:
            where = {"topic": partition.topic, "partition": partition.partition}
            records_missed.send(self._consumer, **where, first=expected, last=beginning - 1)


def _beginning(client: Any, partition: TopicPartition) -> int:
    """The first offset that there is; 0 if Kafka does not say."""
    try:
        beginning: int = client.beginning_offsets([partition], timeout_ms=ANSWER_MS)[partition]
    except (KafkaError, KeyError):  # the latter where its topic has just been deleted
        return 0
    return beginning
