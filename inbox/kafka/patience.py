"""Notices that nothing comes although Kafka has more, and decides how the next client reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from kafka import TopicPartition

LEAST_BYTES = 16_384
"""The least that a client asks for, unless its options say less. One batch always comes whole."""


class Fetch(NamedTuple):
    """A client asks for this part of the bytes that its options say, and waits so many times as long as they
    say for the answer.
    """

    part: int = 1
    times: int = 1

    def bytes(self, given: int) -> int:
        """How many bytes it asks for if the options say ``given``, which is never exceeded."""
        return min(given, max(LEAST_BYTES, given // self.part))


STEPS = (Fetch(), Fetch(4, 3), Fetch(16, 9), Fetch(64, 27))
STANDS = 1.5
"""A partition that stands for so many times the client's own timeout needs another client."""
EASE_SECONDS = 600.0
"""After so long, a client may ask for more again."""


class Patience:
    """A link that cannot carry one answer within the client's timeout would carry nothing for ever: the
    client drops what has come so far, and asks for the same again. A client that has forgotten a partition
    brings nothing of it either. Each time, the next client asks for less and waits longer.

    ``seconds``: how long a client waits for an answer at first.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._step = 0
        self._stepped_at = clock()
        self._standing: dict[TopicPartition, tuple[int, float]] = {}
        """Of partitions that have more: the next offset, and since when it is that."""

    @property
    def fetch(self) -> Fetch:
        """How the next client reads."""
        return STEPS[self._step]

    @property
    def seconds(self) -> float:
        """How long a partition may stand."""
        return STANDS * self._seconds * self.fetch.times

    def look(
        self, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> Collection[TopicPartition]:
        """The partitions of which nothing has come for too long. If there are some, another client must read
        them. ``positions``: the next offset of each partition that is read.
        """
        now, before = self._clock(), self._standing
        self._standing = {}
        for partition, at in positions.items():
            if at < ends.get(partition, at):
                known, since = before.get(partition, (at, now))
                self._standing[partition] = (at, since if known == at else now)
        late = [p for p, (_, since) in self._standing.items() if now - since >= self.seconds]
        if late:
            self._move(min(self._step + 1, len(STEPS) - 1))
        return late

    def eases(self) -> bool:
        """Whether the next client may ask for more than this one."""
        eases = self._step > 0 and self._clock() >= self._stepped_at + EASE_SECONDS
        if eases:
            self._move(self._step - 1)
        return eases

    def _move(self, step: int) -> None:
        self._step, self._stepped_at = step, self._clock()
        self._standing.clear()
