"""How many bytes a wave may have, so that it passes a slow link or a quota in time. Pure."""

from __future__ import annotations

FIRST_BYTES_A_SECOND = 1_200
"""The first wave of a link that carries 3 kB/s takes 40 % of its time. A fast link is at full size after four
waves.
"""
MOST_BYTES = 80_000_000
GROWTH = 8
CAUTIOUS_GROWTH = 1.25
CAUTIOUS_WAVES = 10
"""How many waves must succeed after a failed one before the size grows fast again."""
LATE_SHRINK = 8


class Pace:
    """Learns from each wave how many ``bytes`` the next one may have.

    ``seconds`` is how long a wave may take. One that takes an eighth of it is followed by a larger one, as
    fast as the observed speed allows. The size that works is kept. One that takes more than half of the time
    is followed by a smaller one, and one that is late by a much smaller one.
    """

    def __init__(self, seconds: float) -> None:
        self._first = max(1, int(FIRST_BYTES_A_SECOND * seconds))
        self.bytes = self._first
        self._seconds = seconds
        self._caution = 0

    @property
    def is_slow(self) -> bool:
        """Whether a recent wave needed more than half of the time. Then requests must not end before the
        wave.
        """
        return self._caution > 0

    def arrived(self, sent: int, seconds: float) -> None:
        """A wave of ``sent`` bytes was acknowledged after ``seconds``, including a wait for a quota."""
        growth = self._seconds / 8 / max(seconds, 0.001)
        if growth > 1:
            fastest = CAUTIOUS_GROWTH if self._caution else GROWTH
            self.bytes = min(MOST_BYTES, max(self.bytes, int(sent * min(growth, fastest))))
            self._caution = max(0, self._caution - 1)
        elif seconds > self._seconds / 2:
            self._caution = CAUTIOUS_WAVES
            self.bytes = max(1, min(self.bytes, sent // 2))

    def late(self, sent: int) -> None:
        """A wave of ``sent`` bytes was given up."""
        self._caution = CAUTIOUS_WAVES
        self.bytes = max(1, min(self._first, sent // LATE_SHRINK))
