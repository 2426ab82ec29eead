"""The client that reads records of given partitions from given offsets. It belongs to no group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import TopicPartition
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError

from inbox.errors import Undecodable
from inbox.kafka.connections import ANSWER_MS, Batches, Bounds, TopicIds
from inbox.kafka.kafka_python.client import reading, seconds, topic_ids
from inbox.kafka.patience import Fetch
from outbox_core.wire.consumed import ConsumerRecord


class Reader:
    """Remembers the next offset of each partition, so that a new client continues there."""

    def __init__(self, options: Mapping[str, Any], connect: Callable[[Mapping[str, Any]], Any]) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self.fetch = Fetch()
        self.seconds = seconds(options)
        self._options = options
        self._connect = connect
        self._client: Any = None
        self._asking: Any = None
        self._assigned: frozenset[TopicPartition] = frozenset()

    @property
    def client(self) -> Any:
        """The client that reads, made if there is none."""
        if self._client is None:
            self._client = self._connect(reading(self._options, self.fetch))
        return self._client

    @property
    def asking(self) -> Any:
        """A client for questions, made if there is none. A broker answers the requests of one connection in
        order, and on a slow link the answer to a fetch takes long.
        """
        if self._asking is None:
            self._asking = self._connect(self._options)
        return self._asking

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
        return self._bounds(self.asking.end_offsets, partitions)

    def beginnings(self, partitions: Collection[TopicPartition]) -> Bounds:
        return self._bounds(self.asking.beginning_offsets, partitions)

    def reached(self) -> Mapping[TopicPartition, int]:
        client = self._client
        read = {} if client is None else {p: client.position(p, timeout_ms=0) for p in self._assigned}
        return {p: max(at, read.get(p) or at) for p, at in self.positions.items()}

    def topic_ids(self) -> TopicIds:
        return topic_ids(self.client)

    def close(self) -> None:
        mine, self._client, self._asking = (self._client, self._asking), None, None
        self._assigned = frozenset()
        for client in filter(None, mine):
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
