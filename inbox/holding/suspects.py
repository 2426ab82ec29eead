"""Events that may have killed the process that handled them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from django.db import transaction

from inbox.models import InHand
from inbox.models.in_hand import InHandQuerySet
from inbox.source import Partition
from outbox_core.wire.consumed import ConsumerRecord

Range = tuple[int, int]


class Notes(Protocol):
    """What is handled now, for the case that it kills the process."""

    def begin(self, records: Sequence[ConsumerRecord]) -> set[Partition]:
        """Note these. Returns the partitions of those that may have killed another process."""

    def end(self, records: Sequence[ConsumerRecord]) -> None:
        """These are finished."""

    def drop(self, records: Sequence[ConsumerRecord]) -> None:
        """These are not handled now."""

    def forget(self, partitions: Collection[Partition]) -> None:
        """Notes about these are not valid any more."""


class Suspects:
    """Notes the first batches of each partition before this process handles them, and finds the notes of
    processes that died before they deleted them. After ``most`` events, which is the largest batch, nothing
    is noted: if a later batch kills the process, the next process begins with that batch and notes it.
    """

    def __init__(self, consumer: str, database: str, most: int) -> None:
        self._consumer = consumer
        self._database = database
        self._most = most
        self._finished = Counter[Partition]()
        self._trusted: set[Partition] = set()
        self._mine: dict[Partition, set[Range]] = defaultdict(set)

    def begin(
        self, records: Sequence[ConsumerRecord], beside: Iterable[ConsumerRecord] = ()
    ) -> set[Partition]:
        """Note these if they are among the first, with what is in hand ``beside`` them, from before. Returns
        the partitions that have notes of other processes.
        """
        if not self._unknown(records):
            return set()
        ranges = _ranges(record for record in records if record.place not in self._trusted)
        before = _ranges(record for record in beside if record.place in ranges)
        return {
            partition
            for partition, (first, last) in sorted(ranges.items())
            if not self._note(partition, before.get(partition, (first, 0))[0], (first, last))
        }

    def _note(self, partition: Partition, since: int, offsets: Range) -> bool:
        """Note these offsets, and those ``since`` another one. False if another process has noted some of
        them. Its note of later offsets stays.
        """
        first, last = offsets
        mine = since, last
        with transaction.atomic(using=self._database):
            note = self._notes.of(self._consumer, partition)
            noted = note.filter(last_offset__gte=first).values_list("first_offset", "last_offset").first()
            if noted is not None and noted not in self._mine[partition]:
                return noted[0] > last
            self._mine[partition].add(mine)  # before the commit, whose answer may be lost
            note.write(self._consumer, partition, mine)
        return True

    def end(self, records: Sequence[ConsumerRecord]) -> None:
        """Delete the notes of records that are finished."""
        if not self._unknown(records):
            return
        noted = [record for record in records if record.place not in self._trusted]
        ranges = _ranges(noted)
        for partition, (_, last) in sorted(ranges.items()):
            self._notes.of(self._consumer, partition).finish(last)
            left = {(max(first, last + 1), end) for first, end in self._mine[partition] if end > last}
            self._mine[partition] = left
        self._finished.update(record.place for record in noted)
        trusted = {partition for partition in ranges if self._finished[partition] >= self._most}
        self._remove({partition for partition in trusted if self._mine[partition]})
        self._trusted |= trusted

    def drop(self, records: Sequence[ConsumerRecord]) -> None:
        """Delete the notes of records that are dropped because partitions were revoked. The next owner notes
        them again.
        """
        ours = {partition for partition in self._unknown(records) if self._mine.get(partition)}
        self._trust_none()
        self._remove(ours)

    def forget(self, partitions: Collection[Partition]) -> None:
        """Delete the notes of these partitions: the database went back in time, so it may have notes of
        batches that were finished.
        """
        self._trust_none()
        self._remove(partitions)

    def _trust_none(self) -> None:
        self._trusted.clear()
        self._finished.clear()

    def _remove(self, partitions: Collection[Partition]) -> None:
        self._notes.remove(self._consumer, partitions)
        for partition in partitions:
            self._mine.pop(partition, None)

    def _unknown(self, records: Sequence[ConsumerRecord]) -> set[Partition]:
        return {(record.topic, record.partition) for record in records} - self._trusted

    @property
    def _notes(self) -> InHandQuerySet:
        return InHand.objects.using(self._database)


def _ranges(records: Iterable[ConsumerRecord]) -> dict[Partition, Range]:
    ranges: dict[Partition, Range] = {}
    for record in records:
        first, _ = ranges.get(record.place, (record.offset, 0))
        ranges[record.place] = (first, record.offset)
    return ranges
