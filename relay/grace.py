"""How long a topic has been in trouble: a cold broker, too, says that it does not know a topic."""

from __future__ import annotations

from collections.abc import Callable, Collection

from outbox_core.process.clock import boottime


class Grace:
    """Counts, for each topic, the seconds for which the broker has called it missing or forbidden."""

    def __init__(self, seconds: float, clock: Callable[[], float] = boottime) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def is_over(self, topic: str) -> bool:
        """Note trouble with a topic; whether it has lasted for longer than the grace."""
        now = self._clock()
        return now - self._since.setdefault(topic, now) >= self._seconds

    def begin_anew(self) -> None:
        """The broker is away: what it said before may have been the beginning of that."""
        self._since.clear()

    def forget(self, topics: Collection[str]) -> None:
        """These topics have been written to."""
        for topic in topics if self._since else ():
            self._since.pop(topic, None)
