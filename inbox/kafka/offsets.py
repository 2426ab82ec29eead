"""Where reading begins: at the lower of two offsets, the one in the consumer's database and the group's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition

from inbox.kafka.connections import Bounds, Committed, Membership, Reader
from inbox.kafka.gaps import OffsetGaps
from inbox.kafka.topic_ids import TopicIds
from inbox.offsets import OffsetStore, Stored
from inbox.signals import group_offset_ignored


class StartOffsets:
    """Decides the start offset of each assigned partition before anything is read from it.

    A stored offset may belong to a deleted topic or to another cluster, or its record may be deleted.
    """

    def __init__(
        self,
        consumer: str,
        ids: TopicIds,
        gaps: OffsetGaps,
        store: OffsetStore,
        committed: Callable[[Collection[TopicPartition]], Committed],
        *,
        latest: bool,
    ) -> None:
        self._consumer = consumer
        self._ids = ids
        self._gaps = gaps
        self._store = store
        self._committed = committed
        self._latest = latest
        self._unchecked: set[TopicPartition] = set()

    def arrive(self, assigned: Collection[TopicPartition]) -> None:
        """Note new partitions: they must not be read before ``check`` has set their offsets."""
        self._unchecked.update(assigned)

    def unchecked(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        return self._unchecked.intersection(partitions)

    def check(self, group: Membership, reader: Reader) -> None:
        """Set the start offsets of ``reader``. Raises errors of Kafka and of the database."""
        new = self.unchecked(group.owned)
        if not new:
            return
        stored = self._store.load(new)
        committed = self._committed(new)
        beginnings = reader.beginnings(new)
        ends = reader.ends(new) if self._latest else {}
        for partition in sorted(new & beginnings.keys()):
            self._begin(partition, stored.get(partition), committed[partition], beginnings, ends, reader)
            self._unchecked.discard(partition)

    def _begin(
        self,
        partition: TopicPartition,
        stored: Stored | None,
        committed: OffsetAndMetadata | None,
        beginnings: Bounds,
        ends: Bounds,
        reader: Reader,
    ) -> None:
        topic, beginning = partition.topic, beginnings[partition]
        valid = None if stored is None or self._ids.is_of_another_topic(topic, stored) else stored
        known = list(self._known(topic, valid, committed))
        went_back = valid is not None and known[-1] > valid.offset
        if valid is not None and went_back:
            self._ignore(partition, valid.offset, known[-1])
        first_start = stored is None and committed is None and not self._ids.was_recreated(topic)
        start = min(known, default=ends.get(partition, beginning) if first_start else beginning)
        here = self._ids.stored(topic, max(start, beginning))
        self._store.begin(partition, here, replace=valid is None, went_back=went_back)
        self._gaps.expect(partition, start if known else None)
        self._gaps.found(partition, beginning)
        reader.seek(partition, here.offset)

    def _known(self, topic: str, stored: Stored | None, committed: OffsetAndMetadata | None) -> Iterable[int]:
        if stored is not None:
            yield stored.offset
        if committed is not None and not self._ids.is_of_another(topic, committed.metadata):
            yield committed.offset

    def _ignore(self, partition: TopicPartition, stored: int, committed: int) -> None:
        where: dict[str, Any] = {"topic": partition.topic, "partition": partition.partition}
        group_offset_ignored.send(self._consumer, **where, offset=stored, group_offset=committed)
