"""The offsets of a consumer in its own database, stored together with the effects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec
from django.db import connections, models, transaction

from inbox.errors import OffsetsMoved
from inbox.holding.journal import Journal
from inbox.models import InHand, Offset
from inbox.source import Offsets, Partition
from inbox.sql import statement
from outbox_core.wire.consumed import ConsumerRecord


class Stored(NamedTuple):
    """The next offset of a partition, and the topic and cluster that it counts in (KIP-516)."""

    offset: int
    topic_id: UUID | None = None
    cluster_id: str = ""

    def is_of(self, topic_id: UUID | None) -> bool:
        """Whether it counts in the topic with this id. Without an id, from a broker before 2.8, it is
        trusted.
        """
        return None in (topic_id, self.topic_id) or topic_id == self.topic_id


class OffsetStore(Protocol):
    """Where a source reads the offsets of its consumer: in the consumer's database, or in memory."""

    def load(self, partitions: Collection[Partition]) -> Mapping[Partition, Stored]:
        """The stored offsets of these partitions. Waits for a transaction that moves them."""

    def begin(
        self, partition: Partition, start: Stored, *, replace: bool = False, went_back: bool = False
    ) -> None:
        """Store where reading begins. ``replace`` replaces a stored offset of another topic or cluster.

        Without it a stored offset is never lowered, because everything before it is handled. ``went_back``:
        the consumer had a higher offset before the database went back in time.
        """

    def missed(self, partition: Partition, first: int, last: int) -> None:
        """Kafka deleted these offsets before they were read."""


class Moves(NamedTuple):
    """Partitions and their next offsets. ``confirm`` them after the transaction that stores them.

    ``rows`` is what advance.sql takes.
    """

    offsets: Offsets
    rows: tuple[dict[str, Any], ...]

    def require(self, moved: int) -> None:
        """Raise OffsetsMoved if fewer rows than these were stored."""
        if moved < len(self.rows):
            raise OffsetsMoved("the database has a lower offset than this process stored last")


NO_MOVES = Moves({}, ())


@dataclass(slots=True)
class Known:
    """What this process stored last for a partition."""

    offset: int
    topic_id: UUID | None


class DatabaseOffsets:
    """The offsets of one consumer, in its database.

    Each process remembers the last offset that it stored for a partition. If the database has a lower one, it
    went back in time (a restore, or a failover to a standby that was behind), and later effects are lost.
    Then nothing may be stored before those records are read again.
    """

    def __init__(self, consumer: str, database: str = "default") -> None:
        self._consumer = consumer
        self._database = database
        self.journal = Journal(consumer, database)
        self._known: dict[Partition, Known] = {}

    def load(self, partitions: Collection[Partition]) -> Mapping[Partition, Stored]:
        # Who moves a partition gives Kafka its copy before it commits. So the group may have given the
        # partition to this process meanwhile, which must not begin at the old offset.
        with transaction.atomic(using=self._database):
            return _stored(self._rows(partitions).select_for_update())

    def begin(
        self, partition: Partition, start: Stored, *, replace: bool = False, went_back: bool = False
    ) -> None:
        with transaction.atomic(using=self._database):
            before = self._begin(partition, start, replace=replace, went_back=went_back)
            if went_back or before != start.offset:
                why = "the topic is another one" if replace else "the database went back in time"
                self.journal.moved(partition, before, start.offset, why)
            else:
                self.journal.took_over(partition, start.offset)

    def move(self, partition: Partition, start: Stored) -> None:
        """Store the offsets to which a person moves the consumer. The caller writes the ledger entry."""
        self._begin(partition, start, replace=True, went_back=False)

    def _begin(self, partition: Partition, start: Stored, *, replace: bool, went_back: bool) -> int:
        """Returns the offset that was stored before."""
        offsets = Offset.objects.db_manager(self._database)
        before = offsets.begin(self._consumer, partition, start, replace=replace)
        if replace or went_back:
            InHand.objects.using(self._database).remove(self._consumer, [partition])
        self._known[partition] = Known(start.offset, start.topic_id)
        return before

    def missed(self, partition: Partition, first: int, last: int) -> None:
        with transaction.atomic(using=self._database):
            Offset.objects.db_manager(self._database).missed(self._consumer, partition, first, last)
            self.journal.missed(partition, first, last)

    def moves(self, records: Iterable[ConsumerRecord]) -> Moves:
        """The offsets to store when these records are finished. Call ``confirm`` after the commit."""
        return self._moves(next_offsets(records))

    def confirm(self, moves: Moves) -> None:
        """Remember these, because the transaction that stored them is committed."""
        for partition, offset in moves.offsets.items():
            known = self._known.get(partition)
            if known is not None:
                known.offset = max(known.offset, offset)

    def catch_up(self, done: Offsets) -> None:
        """Store the offsets of records without a handler, which no unit of work has stored.

        Raises:
            OffsetsMoved: the database has a lower offset than this process stored last.
        """
        ahead = {
            partition: offset for partition, offset in done.items() if self._is_behind(partition, offset)
        }
        if ahead:
            self.confirm(self._advance(self._moves(ahead)))

    def went_back(self) -> bool:
        """Whether the database has a lower offset than this process stored last, or has lost one."""
        return self._went_back(self._known)

    def _went_back(self, partitions: Collection[Partition]) -> bool:
        stored = _stored(self._rows(partitions)) if partitions else {}
        return any(
            partition not in stored
            or stored[partition].topic_id != self._known[partition].topic_id
            or stored[partition].offset < self._known[partition].offset
            for partition in partitions
        )

    def keep(self, partitions: Collection[Partition]) -> None:
        """Forget all partitions but these, because other processes read them now."""
        self.forget(self._known.keys() - set(partitions))

    def forget(self, partitions: Collection[Partition]) -> None:
        """What is stored for these is read again before anything of them is handled."""
        for partition in partitions:
            self._known.pop(partition, None)

    def _moves(self, offsets: Offsets) -> Moves:
        rows = [
            _move(partition, known, offsets[partition])
            for partition in sorted(offsets)
            if (known := self._known.get(partition)) is not None
        ]
        return Moves(offsets, tuple(rows))

    def _advance(self, moves: Moves) -> Moves:
        if moves.rows:
            parameters = {"consumer": self._consumer, "moves": msgspec.json.encode(moves.rows).decode()}
            with connections[self._database].cursor() as cursor:
                cursor.execute(statement("advance"), parameters)
                moves.require(cursor.rowcount)
        return moves

    def _is_behind(self, partition: Partition, offset: int) -> bool:
        known = self._known.get(partition)
        return known is not None and known.offset < offset

    def _rows(self, partitions: Collection[Partition]) -> models.QuerySet[Offset]:
        topics = {topic for topic, _ in partitions}
        return Offset.objects.using(self._database).filter(consumer=self._consumer, topic__in=topics)


def _stored(rows: models.QuerySet[Offset]) -> Mapping[Partition, Stored]:
    return {(row.topic, row.partition): Stored(row.offset, row.topic_id, row.cluster_id) for row in rows}


def _move(partition: Partition, known: Known, offset: int) -> dict[str, Any]:
    return {
        "topic": partition[0],
        "partition": partition[1],
        "last": known.offset,
        "topic_id": known.topic_id,
        "next": offset,
    }


def next_offsets(records: Iterable[ConsumerRecord]) -> dict[Partition, int]:
    """The offsets after these records, which are in the order of each partition."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}


def first_offsets(records: Sequence[ConsumerRecord], done: dict[Partition, int]) -> dict[Partition, int]:
    """Where to read these again, without those that are done."""
    first: dict[Partition, int] = {}
    for record in records:
        if record.offset >= done.get(record.place, 0):
            first.setdefault(record.place, record.offset)
    return first
