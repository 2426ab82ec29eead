"""How many bytes a wave or a page may have, so that it passes a slow link or a quota in time. Pure."""

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
MOST_CALM_WAVES = 40_000
"""However often a size was late, it is tried again after so many quick waves."""


class Pace:
    """Learns from each wave how many ``bytes`` the next one may have.

    ``seconds`` is how long a wave may take. One that takes an eighth of it is followed by a larger one, as
    fast as the observed speed allows. The size that works is kept. One that takes more than half of the time
    is followed by a smaller one, unless a smaller one took just as long: then the size is not the cause. A
    late one is followed by a much smaller one. Its size is not reached again for a while, which is longer
    each time: a broker, or what is in front of it, may take requests up to some size only.
    """

    def __init__(self, seconds: float, first: int | None = None) -> None:
        self._first = max(1, int(FIRST_BYTES_A_SECOND * seconds))
        self.bytes = first or self._first
        self._seconds = seconds
        self._caution = 0
        self._slow: tuple[int, float] | None = None
        """Bytes and seconds of the smallest wave since waves began to take more than half of the time."""
        self._is_tried = False
        """Whether a larger wave was late, on a link as slow as it is now."""
        self._late = 0
        """Bytes of the last wave that was late."""
        self._calm = self._calm_left = 0
        """How many quick waves keep below that size, and how many of them are left."""

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
            fastest = CAUTIOUS_GROWTH if self._caution or self._is_near_late(sent) else GROWTH
            self.bytes = min(self._most(), max(self.bytes, int(sent * min(growth, fastest))))
            self._caution = max(0, self._caution - 1)
            self._is_tried = False
        if seconds > self._seconds / 2:
            self._caution = CAUTIOUS_WAVES
            self.bytes = max(1, min(MOST_BYTES, self._behind_slow(sent, seconds)))
        else:
            self._slow = None

    def _is_near_late(self, sent: int) -> bool:
        return self._late / 2 < sent < self._late * 2

    def _most(self) -> int:
        """The size that a quick wave may lead to."""
        if not self._calm_left:
            return MOST_BYTES
        self._calm_left -= 1
        return max(self._first, int(self._late / CAUTIOUS_GROWTH))

    def _behind_slow(self, sent: int, seconds: float) -> int:
        """The size of the wave behind one that took more than half of the time."""
        sent_before, seconds_before = self._slow or (sent + 1, 2 * seconds)
        if sent < sent_before:
            self._slow = sent, seconds
            return min(self.bytes, sent // 2) if seconds <= seconds_before * 0.8 else 2 * sent_before
        if self._is_tried or 2 * seconds - seconds_before > self._seconds * 0.95:
            return min(self.bytes, sent)
        return 2 * sent

    def late(self, sent: int) -> None:
        """A wave of ``sent`` bytes was given up."""
        is_same = self._slow is None and self._is_near_late(sent)
        self._calm = min(2 * self._calm, MOST_CALM_WAVES) if is_same else CAUTIOUS_WAVES
        self._late, self._calm_left = sent, self._calm
        self._caution = CAUTIOUS_WAVES
        self._is_tried = self._is_tried or self._slow is not None
        self._slow = None
        self.bytes = max(1, min(self._first, sent // LATE_SHRINK))
