"""Whether first occurrences of events are in order for each key, in little memory. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

SLOTS = 1 << 20
"""Keys share them: one number for all keys of a slot, whatever their number."""
LOOKED_INTO = 1_000_000
"""How many events of suspicious slots are looked into one by one."""


class Inversion(NamedTuple):
    """The event ``late`` stands behind ``early`` in Kafka, and has the smaller id."""

    late: int
    early: int


def slot_of(partition: int, key: bytes) -> int:
    """The slot of a key. It is the same within one process only."""
    return hash((partition, key)) % SLOTS


class Slots:
    """Finds the slots in which an event stands behind a larger id: of its own key, or of another one of the
    slot.
    """

    def __init__(self) -> None:
        self._last = array("q", bytes(8 * SLOTS))
        self.suspicious: set[int] = set()

    def note(self, partition: int, key: bytes, number: int) -> None:
        """The first occurrence of an event."""
        slot = slot_of(partition, key)
        if number < self._last[slot]:
            self.suspicious.add(slot)
        else:
            self._last[slot] = number


class Suspects:
    """Looks into the keys of suspicious slots, event by event, in the same order once more."""

    def __init__(self, slots: set[int]) -> None:
        self._slots = slots
        self._met: set[int] = set()
        self._last: dict[tuple[int, bytes], int] = {}

    @property
    def is_full(self) -> bool:
        return len(self._met) >= LOOKED_INTO

    def note(self, partition: int, key: bytes, number: int) -> Iterator[Inversion]:
        """A record of an event, which may have come before."""
        if number in self._met or slot_of(partition, key) not in self._slots:
            return
        self._met.add(number)
        last = self._last.get((partition, key), 0)
        self._last[partition, key] = max(last, number)
        if number < last:
            yield Inversion(number, last)
