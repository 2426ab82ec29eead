"""Records, or batches, that the client cannot decode: their partition waits, the others are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka import TopicPartition
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError

from inbox.kafka.client import ANSWER_MS
from inbox.signals import partition_decodable, partition_undecodable

RETRY_EVERY = 30.0
_CODEC = re.compile(r"Libraries for (\w+) compression")


class Undecodable(KafkaError):  # type: ignore[misc]
    """The client raised ``error``, probably because it cannot decode a batch."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def poll(client: Any, **options: int) -> Mapping[TopicPartition, Sequence[Any]]:
    """The next records of the client. Raises Undecodable for an error that a batch may have caused."""
    try:
        records: Mapping[TopicPartition, Sequence[Any]] = client.poll(**options)
    except (CorruptRecordError, UnsupportedCodecError) as error:
        raise Undecodable(error) from error
    except KafkaError:
        raise
    except Exception as error:  # a compression library raises errors of its own
        raise Undecodable(error) from error
    return records


def _extra(error: Exception) -> str:
    """The extra of kafka-python that decodes the batch; empty unless a codec is missing here."""
    found = _CODEC.match(str(error.args[0])) if isinstance(error, UnsupportedCodecError) else None
    return f"kafka-python[{found[1]}]" if found else ""


class UndecodablePartitions:
    """Partitions that wait at a batch that the client cannot decode.

    The client does not report the partition, and cannot read past the batch. Skipping the batch would lose
    its other records. ``connect`` makes a client without a group, which tries the partitions one by one.
    """

    def __init__(self, consumer: str, connect: Callable[[], Any], clock: Callable[[], float]) -> None:
        self._consumer = consumer
        self._connect = connect
        self._clock = clock
        self._offsets: dict[TopicPartition, int] = {}
        self._since: dict[TopicPartition, float] = {}
        self._retry_at = clock()

    def among(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        return self._offsets.keys() & partitions

    def words(self, partitions: Collection[TopicPartition]) -> str:
        """What these wait for, in words; empty if none waits."""
        places = [
            f"{p.topic}/{p.partition} offset {self._offsets[p]}" for p in sorted(self.among(partitions))
        ]
        return f"a record that can be decoded at {', '.join(places)}" if places else ""

    def find(self, positions: Mapping[TopicPartition, int], error: Exception) -> bool:
        """Find the partition that raised ``error``, by trying each at its position."""
        for partition, offset in positions.items():
            if self._try(partition, offset) is False:
                self._offsets[partition] = offset
                self._since[partition] = self._clock()
                self._retry_at = self._clock() + RETRY_EVERY
                where = {"topic": partition.topic, "partition": partition.partition, "offset": offset}
                partition_undecodable.send(self._consumer, **where, error=error, extra=_extra(error))
                return True
        return False

    def retry(self, partitions: Collection[TopicPartition], positions: Mapping[TopicPartition, int]) -> None:
        """From time to time try whether these can be read again, each at its current position."""
        if self._clock() < self._retry_at:
            return
        self._retry_at = self._clock() + RETRY_EVERY
        for partition in self.among(partitions):
            if self._is_readable(partition, positions.get(partition)):
                del self._offsets[partition]
                seconds = self._clock() - self._since.pop(partition)
                where = {"topic": partition.topic, "partition": partition.partition}
                partition_decodable.send(self._consumer, **where, seconds=seconds)

    def _is_readable(self, partition: TopicPartition, position: int | None) -> bool:
        if position is None:
            return False
        moved = position != self._offsets[partition]  # another member could read it meanwhile
        self._offsets[partition] = position
        read = self._try(partition, position)
        return bool(read) or (moved and read is None)

    def _try(self, partition: TopicPartition, offset: int) -> bool | None:
        """Whether the record at ``offset`` can be read; None if there is none."""
        with closing(self._connect()) as client:  # after a failure to decode, a client hangs
            client.assign([partition])
            client.seek(partition, offset)
            try:
                return bool(poll(client, timeout_ms=ANSWER_MS, max_records=1)) or None
            except Undecodable:
                return False
