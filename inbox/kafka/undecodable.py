"""Records, or batches, that the client cannot decode: their partition waits, the others are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from kafka import TopicPartition
from kafka.errors import UnsupportedCodecError

from inbox.signals import partition_decodable, partition_undecodable

RETRY_EVERY = 30.0
_CODEC = re.compile(r"Libraries for (\w+) compression")


def _extra(error: Exception) -> str:
    """The extra of kafka-python that decodes the batch; empty unless a codec is missing here."""
    found = _CODEC.match(str(error.args[0])) if isinstance(error, UnsupportedCodecError) else None
    return f"kafka-python[{found[1]}]" if found else ""


class UndecodablePartitions:
    """Partitions that wait at a batch that the client cannot decode.

    Skipping the batch would lose its other records. ``readable`` says whether the record at an offset can be
    decoded, None if there is none.
    """

    def __init__(
        self,
        consumer: str,
        readable: Callable[[TopicPartition, int], bool | None],
        clock: Callable[[], float],
    ) -> None:
        self._consumer = consumer
        self._readable = readable
        self._clock = clock
        self._offsets: dict[TopicPartition, int] = {}
        self._since: dict[TopicPartition, float] = {}
        self._retry_at = clock()

    def among(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        return self._offsets.keys() & partitions

    def words(self, partitions: Collection[TopicPartition]) -> str:
        """What these partitions wait for, as text; empty if none waits."""
        places = [
            f"{p.topic}/{p.partition} offset {self._offsets[p]}" for p in sorted(self.among(partitions))
        ]
        return f"a record that can be decoded at {', '.join(places)}" if places else ""

    def find(self, positions: Mapping[TopicPartition, int], error: Exception) -> bool:
        """Find the partition that raised ``error``, by trying each at its position."""
        for partition, offset in positions.items():
            if self._readable(partition, offset) is False:
                self.note(partition, offset, error)
                return True
        return False

    def note(self, partition: TopicPartition, offset: int, error: Exception) -> None:
        """The record at ``offset`` cannot be decoded."""
        self._offsets[partition] = offset
        self._since[partition] = self._clock()
        self._retry_at = self._clock() + RETRY_EVERY
        where = {"topic": partition.topic, "partition": partition.partition, "offset": offset}
        partition_undecodable.send(self._consumer, **where, error=error, extra=_extra(error))

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
        read = self._readable(partition, position)
        return bool(read) or (moved and read is None)
