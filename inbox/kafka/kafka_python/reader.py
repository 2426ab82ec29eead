"""The client that reads records of given partitions from given offsets. It belongs to no group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import TopicPartition
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError

from inbox.errors import Undecodable
from inbox.kafka.connections import ANSWER_MS, Batches, Bounds, TopicIds
from inbox.kafka.kafka_python.client import topic_ids
from outbox_core.wire.consumed import ConsumerRecord


class Reader:
    """Remembers the next offset of each partition, so that a new client continues there."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self._connect = connect
        self._client: Any = None
        self._assigned: frozenset[TopicPartition] = frozenset()

    @property
    def client(self) -> Any:
        """The client, made if there is none."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.positions[partition] = offset
        if partition in self._assigned:
            self._client.seek(partition, offset)

    def read(self, partitions: Collection[TopicPartition], seconds: float) -> Batches:
        self._assign(frozenset(partitions))
        batches = poll(self.client, timeout_ms=int(seconds * 1000))
        for partition, records in batches.items():
            self.positions[partition] = records[-1].offset + 1
        return {partition: list(map(ConsumerRecord.of, records)) for partition, records in batches.items()}

    def ends(self, partitions: Collection[TopicPartition]) -> Bounds:
        return self._bounds(self.client.end_offsets, partitions)

    def beginnings(self, partitions: Collection[TopicPartition]) -> Bounds:
        return self._bounds(self.client.beginning_offsets, partitions)

    def topic_ids(self) -> TopicIds:
        return topic_ids(self.client)

    def close(self) -> None:
        client, self._client, self._assigned = self._client, None, frozenset()
        if client is not None:
            with suppress(KafkaError):
                client.close(timeout_ms=ANSWER_MS)

    def _assign(self, partitions: frozenset[TopicPartition]) -> None:
        if self._client is None or partitions != self._assigned:
            new = partitions - self._assigned
            self.client.assign(sorted(partitions))
            for partition in new:
                self.client.seek(partition, self.positions[partition])
            self._assigned = partitions

    def _bounds(self, ask: Callable[..., Bounds], partitions: Collection[TopicPartition]) -> Bounds:
        try:
            return ask(sorted(partitions), timeout_ms=ANSWER_MS) if partitions else {}
        except KeyError:  # the client raises this when a topic was deleted meanwhile
            return {}


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
