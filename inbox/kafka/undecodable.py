"""Records, or batches, that the client cannot decode: their partition waits, the others are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka import TopicPartition
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError

from inbox.kafka.client import ANSWER_MS
from inbox.signals import partition_decodable, partition_undecodable

LOOK_EVERY = 30.0


class Undecodable(KafkaError):  # type: ignore[misc]
    """The client has raised ``error``, as it does for a batch that it cannot decode."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def poll(client: Any, **options: int) -> Mapping[TopicPartition, Sequence[Any]]:
    """The next records of the client. Raises Undecodable for a batch, or what may be one."""
    try:
        records: Mapping[TopicPartition, Sequence[Any]] = client.poll(**options)
    except (CorruptRecordError, UnsupportedCodecError) as error:
        raise Undecodable(error) from error
    except KafkaError:
        raise
    except Exception as error:  # whatever the library for a compression raises
        raise Undecodable(error) from error
    return records


class Unreadable:
    """Partitions that stand still at a record, or a batch, that the client cannot decode.

    The client does not say which partition it is, nor can it read past it, and to skip the batch would lose
    its other records. ``connect`` makes a client without a group, which tries partitions singly.
    """

    def __init__(self, consumer: str, connect: Callable[[], Any], clock: Callable[[], float]) -> None:
        self._consumer = consumer
        self._connect = connect
        self._clock = clock
        self._offsets: dict[TopicPartition, int] = {}
        self._since: dict[TopicPartition, float] = {}
        self._look_at = clock()

    def among(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        return self._offsets.keys() & partitions

    def words(self, partitions: Collection[TopicPartition]) -> str:
        """What is waited for in these, empty if nothing."""
        places = [
            f"{p.topic}/{p.partition} offset {self._offsets[p]}" for p in sorted(self.among(partitions))
        ]
        return f"a record that can be decoded at {', '.join(places)}" if places else ""

    def find(self, positions: Mapping[TopicPartition, int], error: Exception) -> bool:
        """Find out which of these partitions, each at its position, has raised ``error``."""
        for partition, offset in positions.items():
            if self._try(partition, offset) is False:
                self._offsets[partition] = offset
                self._since[partition] = self._clock()
                self._look_at = self._clock() + LOOK_EVERY
                where = {"topic": partition.topic, "partition": partition.partition, "offset": offset}
                partition_undecodable.send(self._consumer, **where, error=error)
                return True
        return False

    def look(self, partitions: Collection[TopicPartition], positions: Mapping[TopicPartition, int]) -> None:
        """Look now and then which of these can be read again, at the position where each is now."""
        if self._clock() < self._look_at:
            return
        self._look_at = self._clock() + LOOK_EVERY
        for partition in self.among(partitions):
            if self._goes_on(partition, positions.get(partition)):
                del self._offsets[partition]
                seconds = self._clock() - self._since.pop(partition)
                where = {"topic": partition.topic, "partition": partition.partition}
                partition_decodable.send(self._consumer, **where, seconds=seconds)

    def _goes_on(self, partition: TopicPartition, position: int | None) -> bool:
        if position is None:
            return False
        moved = position != self._offsets[partition]  # as where another member could read on
        self._offsets[partition] = position
        read = self._try(partition, position)
        return bool(read) or (moved and read is None)

    def _try(self, partition: TopicPartition, offset: int) -> bool | None:
        """Whether the record at ``offset`` can be read; None if there is none."""
        with closing(self._connect()) as client:  # one that has failed to decode would hang when asked again
            client.assign([partition])
            client.seek(partition, offset)
            try:
                return bool(poll(client, timeout_ms=ANSWER_MS, max_records=1)) or None
            except Undecodable:
                return False
