"""Topics and offsets in memory, for tests: they replace Kafka and the stored offsets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from inbox.errors import SourceUnavailable
from inbox.offsets import OffsetStore, Stored
from inbox.source import Offsets, Partition
from outbox_core.wire.consumed import ConsumerRecord


class MemoryLog:
    """Topics in memory: the records of each partition, and what groups have committed."""

    def __init__(self) -> None:
        self.records: dict[Partition, list[ConsumerRecord]] = defaultdict(list)
        self.committed: dict[tuple[str, Partition], int] = {}

    def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        partition: int = 0,
    ) -> ConsumerRecord:
        """Write a record to the end of a partition."""
        log = self.records[topic, partition]
        record = ConsumerRecord(
            topic=topic,
            partition=partition,
            offset=len(log),
            key=key,
            value=value,
            headers=tuple(headers),
            timestamp=0,
        )
        log.append(record)
        return record


class MemoryOffsets:
    """Offsets in memory, for tests that read a source without a database."""

    def __init__(self) -> None:
        self.stored: dict[Partition, Stored] = {}
        self.gaps: list[tuple[Partition, int, int]] = []

    def load(self, partitions: Collection[Partition]) -> Mapping[Partition, Stored]:
        return {partition: self.stored[partition] for partition in partitions if partition in self.stored}

    def begin(
        self, partition: Partition, start: Stored, *, replace: bool = False, went_back: bool = False
    ) -> None:
        """Nothing to do: only a test fills ``stored``."""

    def missed(self, partition: Partition, first: int, last: int) -> None:
        self.gaps.append((partition, first, last))


class MemorySource:
    """A source that reads a MemoryLog, for tests, as KafkaSource reads Kafka. Its group has one member."""

    def __init__(
        self,
        log: MemoryLog,
        topics: Sequence[str],
        group: str,
        max_records: int = 500,
        offsets: OffsetStore | None = None,
    ) -> None:
        self._offsets = offsets or MemoryOffsets()
        self._log = log
        self._topics = topics
        self._group = group
        self._max_records = max_records
        self._positions: dict[Partition, int] = {}
        self._revoked = False
        self._paused: frozenset[str] = frozenset()
        self.outage = ""
        self.lack = ""

    def poll(self, timeout: float) -> Sequence[ConsumerRecord]:
        self._answer()
        self._revoked = False
        self._begin()
        records: list[ConsumerRecord] = []
        for partition in self._readable():
            position = self._position(partition)
            chunk = self._log.records[partition][position : position + self._max_records - len(records)]
            self._positions[partition] = position + len(chunk)
            records += chunk
        return records

    def commit(self, offsets: Offsets) -> None:
        self._answer()
        for partition, offset in offsets.items():
            self._log.committed[self._group, partition] = offset

    def rewind(self, offsets: Offsets) -> None:
        self._positions.update(offsets)

    def pause(self, topics: Collection[str]) -> None:
        self._paused = frozenset(topics)

    def revoke(self) -> None:
        """Revoke the partitions and assign them again, as a rebalance does."""
        self._positions.clear()
        self._revoked = True

    def keep_alive(self) -> bool:
        return not self._revoked

    def move(self, offsets: Offsets) -> bool:
        self.commit(offsets)
        return True

    def reread(self, partitions: Collection[Partition] | None = None) -> None:
        for partition in [*self._positions] if partitions is None else partitions:
            self._positions.pop(partition, None)

    @property
    def joined(self) -> bool:
        return not self.outage

    def partitions(self) -> Collection[Partition]:
        return self._assigned()

    def lag(self) -> int:
        """How many records are not read yet, without those of paused topics."""
        return sum(len(self._log.records[p]) - self._position(p) for p in self._readable())

    def waits_for(self) -> str:
        return self.lack

    def member(self) -> str:
        return ""

    def close(self) -> None:
        self._positions.clear()

    def _assigned(self) -> list[Partition]:
        return sorted(partition for partition in self._log.records if partition[0] in self._topics)

    def _readable(self) -> list[Partition]:
        return [partition for partition in self._assigned() if partition[0] not in self._paused]

    def _begin(self) -> None:
        new = [partition for partition in self._assigned() if partition not in self._positions]
        stored = self._offsets.load(new) if new else {}
        for partition in new:
            committed = start = self._log.committed.get((self._group, partition), 0)
            if partition in stored:
                start = min(stored[partition].offset, committed)
            self._offsets.begin(partition, Stored(start), went_back=committed > start)
            self._positions[partition] = start

    def _position(self, partition: Partition) -> int:
        return self._positions.get(partition, self._log.committed.get((self._group, partition), 0))

    def _answer(self) -> None:
        if self.outage:
            raise SourceUnavailable(self.outage)
