"""The records that workers have in hand, and up to where a partition is finished. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from inbox.source import Partition
from outbox_core.wire.consumed import ConsumerRecord


@dataclass(slots=True, eq=False)
class InFlight:
    """A record that a worker has. ``suspect``: it may have killed a process. ``epoch`` is that of the drop
    before it.
    """

    record: ConsumerRecord
    epoch: int
    suspect: bool = False
    is_finished: bool = False

    def finish(self) -> None:
        """It is handled or held. Only its place is of interest now."""
        record = self.record
        self.is_finished = True
        self.record = ConsumerRecord(
            topic=record.topic, partition=record.partition, offset=record.offset, key=None, value=None
        )


class Windows:
    """For each partition, the records from the first one that is not finished, in order."""

    def __init__(self) -> None:
        self._of: dict[Partition, deque[InFlight]] = defaultdict(deque)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    @property
    def records(self) -> Iterator[ConsumerRecord]:
        return (each.record for window in self._of.values() for each in window)

    def add(self, each: InFlight) -> None:
        self._of[each.record.place].append(each)

    def advance(self) -> list[ConsumerRecord]:
        """Take out the records with nothing unfinished before them in their partition."""
        finished: list[ConsumerRecord] = []
        for window in self._of.values():
            while window and window[0].is_finished:
                finished.append(window.popleft().record)
        return finished

    def forget(self, partitions: Collection[Partition]) -> None:
        """These partitions are read again from a stored offset, or by others."""
        for partition in partitions:
            self._of.pop(partition, None)

    def clear(self) -> None:
        self._of.clear()


def share(records: Iterable[InFlight], count: int) -> Sequence[list[InFlight]]:
    """Divide them by key. A record without a key may go to any worker."""
    shares: list[list[InFlight]] = [[] for _ in range(count)]
    for each in records:
        key_hash = each.record.key_hash
        shares[(each.record.offset if key_hash is None else key_hash) % count].append(each)
    return shares
