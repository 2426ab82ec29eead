"""When to retry after a failure: the delay doubles up to a cap, and half of it is random."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count

from outbox_core.process.clock import boottime

FIRST_SECONDS = 0.1


class Backoff:
    """Attempts at one thing. ``trouble`` is why the last one failed, and ``failed_at`` when (CLOCK_BOOTTIME);
    both are empty if it did not. ``cap`` is the longest delay, in seconds.
    """

    def __init__(self, cap: float) -> None:
        self._cap = cap
        self.passed()

    def passed(self) -> None:
        """The attempt succeeded."""
        self.trouble, self.failed_at = "", 0.0
        self._failures, self._until = 0, 0.0

    def failed(self, trouble: str, *, at_least: float = 0.0) -> None:
        """The attempt failed: wait longer than before, and at least ``at_least`` seconds."""
        self.trouble, self.failed_at = trouble, boottime()
        self._failures += 1
        self._until = self.failed_at + max(at_least, delay(self._failures, self._cap))

    @property
    def left(self) -> float:
        """The seconds until the next attempt, by CLOCK_BOOTTIME; 0 if it is due."""
        return max(0.0, self._until - boottime())


def delay(attempt: int, cap: float, *, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait before attempt number ``attempt`` (from 1): it doubles from 0.1 s up to ``cap``, and
    half of it is random.
    """
    longest = min(cap, FIRST_SECONDS * 2.0 ** min(attempt - 1, 30))
    return longest / 2 + chance() * longest / 2


def delays(cap: float = 2.0) -> Iterator[float]:
    """The delays of all attempts, without end."""
    return (delay(attempt, cap) for attempt in count(1))
