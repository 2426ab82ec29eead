"""Events that may have killed the process that handled them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.db import transaction

from inbox.models import InHand
from inbox.models.in_hand import InHandQuerySet
from inbox.source import Partition
from outbox_core.wire.consumed import Record


class Suspects:
    """Notes the first batch of each partition before this process handles it, and finds the notes of
    processes that died before they deleted them. Later batches are not noted: one that kills the process is
    the first batch of the next process.
    """

    def __init__(self, consumer: str, database: str) -> None:
        self._consumer = consumer
        self._database = database
        self._trusted: set[Partition] = set()

    def begin(self, records: Sequence[Record]) -> set[Partition]:
        """Note these if they are the first batch. Returns the partitions that have older notes."""
        ranges = _ranges(record for record in records if _partition(record) not in self._trusted)
        notes = self._notes.filter(consumer=self._consumer)
        dead: set[Partition] = set()
        for (topic, partition), (first, last) in sorted(ranges.items()):
            offsets = {"first_offset": first, "last_offset": last}
            with transaction.atomic(using=self._database):
                note = notes.filter(topic=topic, partition=partition)
                if note.filter(first_offset__lte=last, last_offset__gte=first).exists():
                    dead.add((topic, partition))
                elif not note.update(**offsets):
                    notes.create(consumer=self._consumer, topic=topic, partition=partition, **offsets)
        return dead

    def end(self, records: Sequence[Record]) -> None:
        """These are finished. Later batches of their partitions are not noted."""
        partitions = self._unknown(records)
        self._notes.remove(self._consumer, partitions)
        self._trusted |= partitions

    def let_go(self, records: Sequence[Record]) -> None:
        """These are dropped, because partitions were revoked. The next owner notes them again."""
        self._notes.remove(self._consumer, self._unknown(records))
        self._trusted.clear()

    def forget(self, partitions: Collection[Partition]) -> None:
        """The database went back in time, so it may have old notes of batches that were finished."""
        self._trusted.clear()
        self._notes.remove(self._consumer, partitions)

    def _unknown(self, records: Sequence[Record]) -> set[Partition]:
        return {_partition(record) for record in records} - self._trusted

    @property
    def _notes(self) -> InHandQuerySet:
        return InHand.objects.using(self._database)


def _ranges(records: Iterable[Record]) -> dict[Partition, tuple[int, int]]:
    ranges: dict[Partition, tuple[int, int]] = {}
    for record in records:
        first, _ = ranges.get(_partition(record), (record.offset, 0))
        ranges[_partition(record)] = (first, record.offset)
    return ranges


def _partition(record: Record) -> Partition:
    return record.topic, record.partition
