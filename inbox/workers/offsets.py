"""How the offsets of a consumer follow the transactions of its workers.

A worker commits effects, and the process that reads stores the offsets later. In between, the database may go
back in time: then an offset must not be stored, because effects before it are lost. So each worker counts its
transactions in a row of its own, within each transaction: an offset is stored only if the database has all
transactions that the workers have reported. Such a row is one of ``inbox_offset``: the topic has a name that
Kafka does not allow, the partition is the number of the worker, and the offset is the count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from inbox.errors import OffsetsMoved
from inbox.models import Offset
from inbox.offsets import DatabaseOffsets, Known, Moves, Stored
from inbox.source import Offsets, Partition
from outbox_core.wire.consumed import ConsumerRecord

ROWS = "workers "
"""The topics of all such rows begin with this."""
FORGET_AFTER = timedelta(days=30)


class WorkerOffsets(DatabaseOffsets):
    """Stores the row of a worker where a consumer without workers stores its offsets."""

    def __init__(self, consumer: str, database: str, row: Partition) -> None:
        super().__init__(consumer, database)
        self._row = row

    @property
    def is_open(self) -> bool:
        return self._row in self._known

    @property
    def commits(self) -> int:
        """How many transactions of this worker and its predecessors are committed."""
        return self._known[self._row].offset if self.is_open else 0

    def close(self) -> None:
        """The database may have another count now."""
        self.forget([self._row])

    def open(self, reported: int) -> None:
        """Read the count. Waits for a transaction that a predecessor has left behind.

        Raises:
            OffsetsMoved: it is lower than what was ``reported``.
        """
        rows = Offset.objects.db_manager(self._database)
        count = rows.begin(self._consumer, self._row, Stored(0), replace=False)
        if count < reported:
            raise OffsetsMoved("the database has lost a transaction of this worker")
        self._known[self._row] = Known(count, None)

    def moves(self, records: Iterable[ConsumerRecord]) -> Moves:
        return self._moves({self._row: self.commits + 1})


class PoolOffsets(DatabaseOffsets):
    """The offsets of a consumer with workers. ``topic``: that of the workers' rows."""

    def __init__(self, consumer: str, database: str, topic: str) -> None:
        super().__init__(consumer, database)
        self._topic = topic
        self._begun: set[Partition] = set()

    def committed(self, number: int, commits: int) -> None:
        """A worker has reported so many transactions."""
        self._known[self._topic, number] = Known(commits, None)

    def take_begun(self) -> set[Partition]:
        """The partitions that are read from a stored offset since this was asked last."""
        begun, self._begun = self._begun, set()
        return begun

    def catch_up(self, done: Offsets) -> None:
        """Store these, if the database has the transactions of all workers. Raises OffsetsMoved."""
        with transaction.atomic(using=self._database):
            if self._went_back(self._rows_of_workers):
                raise OffsetsMoved("the database has lost transactions of the workers")
            super().catch_up(done)

    def keep(self, partitions: Collection[Partition]) -> None:
        super().keep([*partitions, *self._rows_of_workers])

    def forget_workers(self) -> None:
        """They read their rows again."""
        self.forget(self._rows_of_workers)

    def remove_workers(self) -> None:
        """Delete the rows of the workers, which have ended, and old rows of processes that died."""
        rows = Offset.objects.using(self._database).filter(consumer=self._consumer)
        rows.filter(topic=self._topic).delete()
        rows.filter(topic__startswith=ROWS, updated_at__lt=Now() - FORGET_AFTER).delete()

    def _begin(self, partition: Partition, start: Stored, *, replace: bool, went_back: bool) -> int:
        before = super()._begin(partition, start, replace=replace, went_back=went_back)
        self._begun.add(partition)
        return before

    @property
    def _rows_of_workers(self) -> list[Partition]:
        return [row for row in self._known if row[0] == self._topic]
