"""Whether first occurrences of events are in order for each key, in little memory. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from typing import NamedTuple

SLOTS = 1 << 20
"""How many there are for all partitions of a topic together. The keys of a partition share its slots."""
LOOKED_INTO = 1_000_000
"""How many events of suspicious slots are looked into one by one."""


class Inversion(NamedTuple):
    """The event ``late`` stands behind ``early`` in Kafka, and has the smaller id."""

    late: int
    early: int


class Slots:
    """Finds the slots in which an event stands behind a larger id: of its own key, or of another one of the
    slot. Partitions have slots of their own, because there is no order between them.
    """

    def __init__(self, partitions: Collection[int]) -> None:
        self._each = max(SLOTS // max(len(partitions), 1), 1)
        self._first = {number: place * self._each for place, number in enumerate(partitions)}
        self._last = array("q", bytes(8 * self._each * len(partitions)))
        self.suspicious: set[int] = set()

    def of(self, partition: int, key: bytes) -> int:
        """The slot of a key."""
        return self._first[partition] + hash(key) % self._each

    def note(self, partition: int, key: bytes, number: int) -> None:
        """The first occurrence of an event."""
        slot = self.of(partition, key)
        if number < self._last[slot]:
            self.suspicious.add(slot)
        else:
            self._last[slot] = number


class Suspects:
    """Looks into the keys of suspicious slots, event by event, in the same order once more."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._met: set[int] = set()
        self._last: dict[tuple[int, bytes], int] = {}

    @property
    def is_full(self) -> bool:
        return len(self._met) >= LOOKED_INTO

    def note(self, partition: int, key: bytes, number: int) -> Iterator[Inversion]:
        """A record of an event, which may have come before."""
        if number in self._met or self._slots.of(partition, key) not in self._slots.suspicious:
            return
        self._met.add(number)
        last = self._last.get((partition, key), 0)
        self._last[partition, key] = max(last, number)
        if number < last:
            yield Inversion(number, last)
