"""Events that may have killed the process that handled them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.db import transaction

from inbox.models import InHand
from inbox.models.in_hand import InHandQuerySet
from inbox.source import Partition
from outbox_core.wire.consumed import Record

Range = tuple[int, int]


class Suspects:
    """Notes the first batch of each partition before this process handles it, and finds the notes of
    processes that died before they deleted them. Later batches are not noted: one that kills the process is
    the first batch of the next process.
    """

    def __init__(self, consumer: str, database: str) -> None:
        self._consumer = consumer
        self._database = database
        self._trusted: set[Partition] = set()
        self._mine: dict[Partition, set[Range]] = defaultdict(set)

    def begin(self, records: Sequence[Record]) -> set[Partition]:
        """Note these if they are the first batch. Returns the partitions that have notes of other
        processes.
        """
        ranges = _ranges(record for record in records if record.place not in self._trusted)
        return {
            partition for partition, offsets in sorted(ranges.items()) if not self._note(partition, offsets)
        }

    def _note(self, partition: Partition, offsets: Range) -> bool:
        """Note these offsets. False if another process has noted some of them."""
        first, last = offsets
        values = {"first_offset": first, "last_offset": last}
        key = {"consumer": self._consumer, "topic": partition[0], "partition": partition[1]}
        with transaction.atomic(using=self._database):
            note = self._notes.filter(**key)
            same = note.filter(first_offset__lte=last, last_offset__gte=first)
            if set(same.values_list("first_offset", "last_offset")) - self._mine[partition]:
                return False
            self._mine[partition].add(offsets)  # before the commit, whose answer may be lost
            if not note.update(**values):
                self._notes.create(**key, **values)
        return True

    def end(self, records: Sequence[Record]) -> None:
        """These are finished. Later batches of their partitions are not noted."""
        partitions = self._unknown(records)
        self._remove(partitions)
        self._trusted |= partitions

    def let_go(self, records: Sequence[Record]) -> None:
        """These are dropped, because partitions were revoked. The next owner notes them again."""
        unknown = self._unknown(records)
        self._trusted.clear()
        self._remove(unknown)

    def forget(self, partitions: Collection[Partition]) -> None:
        """The database went back in time, so it may have old notes of batches that were finished."""
        self._trusted.clear()
        self._remove(partitions)

    def _remove(self, partitions: Collection[Partition]) -> None:
        self._notes.remove(self._consumer, partitions)
        for partition in partitions:
            self._mine.pop(partition, None)

    def _unknown(self, records: Sequence[Record]) -> set[Partition]:
        return {record.place for record in records} - self._trusted

    @property
    def _notes(self) -> InHandQuerySet:
        return InHand.objects.using(self._database)


def _ranges(records: Iterable[Record]) -> dict[Partition, Range]:
    ranges: dict[Partition, Range] = {}
    for record in records:
        first, _ = ranges.get(record.place, (record.offset, 0))
        ranges[record.place] = (first, record.offset)
    return ranges
