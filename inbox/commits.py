"""Stores the offsets of a consumer: first in its database, then, as a copy, in Kafka."""

from __future__ import annotations

from collections.abc import Callable, Collection

from inbox.database import UNAVAILABLE
from inbox.errors import OffsetsMoved, SourceUnavailable
from inbox.offsets import DatabaseOffsets
from inbox.signals import offsets_went_back
from inbox.source import Offsets, Partition, Source


class Commits:
    """Stores offsets, and reads again what the database has lost, if it went back in time.

    ``start_over`` forgets what was handled of these partitions. Errors go to ``database_failed`` and
    ``kafka_failed``; the offsets are stored next time.
    """

    def __init__(
        self,
        consumer: str,
        source: Source,
        offsets: DatabaseOffsets,
        *,
        start_over: Callable[[Collection[Partition]], None],
        database_failed: Callable[[Exception], None],
        kafka_failed: Callable[[Exception], None],
        check_every: float,
        clock: Callable[[], float],
    ) -> None:
        self._consumer = consumer
        self._source = source
        self._offsets = offsets
        self._start_over = start_over
        self._database_failed = database_failed
        self._kafka_failed = kafka_failed
        self._check_every = check_every
        self._clock = clock
        self._checked_at = clock()
        self._unstored: dict[Partition, int] = {}

    def add(self, done: Offsets) -> None:
        """Store these offsets, and those that could not be stored before. Kafka gets a copy only of stored
        offsets.
        """
        self._unstored |= done
        if self._unstored and self._store():
            try:
                self._source.commit(self._unstored)
            except SourceUnavailable as error:
                self._kafka_failed(error)
            self._unstored = {}

    def _store(self) -> bool:
        """Store the offsets of events without a handler. The others are stored with their effects."""
        try:
            self._offsets.catch_up(self._unstored)
        except OffsetsMoved:
            self.read_again()
        except UNAVAILABLE as error:
            self._database_failed(error)
        else:
            return True
        return False

    def check(self) -> None:
        """Check now and then, also while idle, whether the database went back in time."""
        if self._clock() < self._checked_at + self._check_every:
            return
        self._checked_at = self._clock()
        try:
            self._offsets.keep(self._source.partitions())
            if self._offsets.went_back():
                self.read_again()
        except UNAVAILABLE as error:
            self._database_failed(error)

    def forget(self, partitions: Collection[Partition]) -> None:
        """These begin again: what was finished of them before does not count."""
        for partition in partitions:
            self._unstored.pop(partition, None)

    def start_over(self, partitions: Collection[Partition]) -> None:
        """A person moved these: read them from where the database says."""
        self.forget(partitions)
        self._offsets.forget(partitions)
        self._start_over(partitions)
        self._source.reread(partitions)

    def read_again(self) -> None:
        """Read again the records whose effects the database has lost."""
        self._unstored = {}
        offsets_went_back.send(self._consumer)
        self._start_over(self._source.partitions())
        self._source.reread()
