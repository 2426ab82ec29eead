"""A Kafka whose partitions hold errors among their records, those that no real one can be made to hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaTimeoutError
from kafka.structs import ConsumerGroupMetadata, MemberState

from inbox.kafka import KafkaSource
from inbox.kafka.kafka_python import KafkaPython
from inbox.kafka.kafka_python.membership import STRATEGY
from inbox.memory import MemoryOffsets
from inbox.offsets import OffsetStore
from inbox.testing import SkippedTime


class Broker:
    """The partitions of a topic. Members join after so many polls ``joining``. Readers meet the errors, and
    so do those who try partitions singly if the errors are ``everywhere``.
    """

    topic = "t"

    def __init__(self, *logs: list[bytes | Exception], everywhere: bool = True, joining: int = 1) -> None:
        self.joining = joining
        self.logs = {TopicPartition(self.topic, number): log for number, log in enumerate(logs)}
        self.everywhere = everywhere
        self.committed: dict[TopicPartition, int] = {}
        self.time = SkippedTime()
        self.members: list[Client] = []
        self.deleting: Exception | None = None
        self.exists = True
        self.mute = 0

    def open(self, monkeypatch: pytest.MonkeyPatch, offsets: OffsetStore | None = None) -> KafkaSource:
        """A source that reads here."""
        monkeypatch.setattr("inbox.kafka.kafka_python.connections.connect", self._connect)
        return KafkaSource(
            "test",
            KafkaPython(["fake:9092"], "g", {}),
            topics=[self.topic],
            offsets=MemoryOffsets() if offsets is None else offsets,
            clock=self.time,
        )

    def rebalance(self) -> None:
        """Take its partitions from the member and give them back, as its next polls learn."""
        self.members[-1].leaves = True

    def is_deleted_when_asked(self, error: Exception) -> None:
        """The topic goes while the client asks for the ends of its partitions, which raises this."""
        self.deleting = error

    def _connect(self, config: Mapping[str, Any]) -> Client:
        client = Client(self)
        if STRATEGY in config:
            self.members.append(client)
        return client


class Client:
    """What the inbox uses of a KafkaConsumer."""

    def __init__(self, broker: Broker) -> None:
        self.leaves = False
        self._broker = broker
        self._listener: Any = None
        self._joins = 0
        self._positions: dict[TopicPartition, int] = {}
        self._stuck = False

    @property
    def _client(self) -> Any:
        return SimpleNamespace(cluster=self)

    def topics(self) -> set[str]:
        if self._broker.mute:
            self._broker.mute -= 1
            raise KafkaTimeoutError("mute")
        return {self._broker.topic} if self._broker.exists else set()

    cluster_id = None

    def topic_id(self, topic: str) -> None:
        """Not told: as by a broker before 2.8."""

    def subscribe(self, topics: Collection[str], listener: Any) -> None:
        self._listener = listener

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._positions = {partition: self._positions.get(partition, 0) for partition in partitions}

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self._positions[partition]

    def beginning_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def end_offsets(self, partitions: Iterable[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        if self._broker.deleting is not None:
            self._broker.exists = False
            raise self._broker.deleting
        return {partition: len(self._broker.logs[partition]) for partition in partitions}

    def commit(self, offsets: Mapping[TopicPartition, Any], timeout_ms: int) -> None:
        self._broker.committed |= {partition: commit.offset for partition, commit in offsets.items()}

    def committed(self, partition: TopicPartition, timeout_ms: int, metadata: bool = False) -> Any:
        offset = self._broker.committed.get(partition)
        return offset if offset is None or not metadata else OffsetAndMetadata(offset, "", -1)

    def pause(self, *partitions: TopicPartition) -> None:
        """It reads nothing anyway."""

    def group_metadata(self) -> ConsumerGroupMetadata:
        if self._joins > self._broker.joining:
            return ConsumerGroupMetadata(group_id="g", generation_id=1, state=MemberState.STABLE)
        return ConsumerGroupMetadata(group_id="g", state=MemberState.REBALANCING)

    def close(self, timeout_ms: int = 0) -> None:
        pass

    def poll(self, timeout_ms: int, max_records: int = 500) -> dict[TopicPartition, list[Any]]:
        if self._listener is not None:
            self._join()
        else:
            for partition in sorted(self._positions):
                if self._positions[partition] < len(self._broker.logs[partition]):
                    return {partition: [self._next(partition, fails=max_records > 1)]}
        self._broker.time.now += timeout_ms / 1000
        return {}

    def _join(self) -> None:
        if self.leaves:
            self._listener.on_partitions_revoked(self.assignment())
            self.leaves, self._joins, self._positions = False, 0, {}
        self._joins += 1
        if self._joins == self._broker.joining + 1:
            self._positions = {p: self._broker.committed.get(p, 0) for p in self._broker.logs}
            self._listener.on_partitions_assigned(self.assignment())

    def _next(self, partition: TopicPartition, *, fails: bool) -> Any:
        if self._stuck:
            pytest.fail("a client that has failed to decode hangs when asked again")
        offset = self._positions[partition]
        value = self._broker.logs[partition][offset]
        if isinstance(value, Exception) and (fails or self._broker.everywhere):
            self._stuck = True
            raise value
        self._positions[partition] += 1
        named = {"topic": partition.topic, "partition": partition.partition, "offset": offset}
        return SimpleNamespace(**named, key=None, value=value, headers=(), timestamp=0)
