"""How long the loop pauses between two polls. Pure."""

from __future__ import annotations

from collections.abc import Callable

from outbox_core.process.clock import boottime

SHORTEST_SECONDS = 0.001
SHARE = 0.1
"""The pause as a share of the silence so far: after a long silence, a longer pause does no harm."""


class Polling:
    """There is no pause while more is waiting. The pause is short just after an event, and grows with the
    silence up to ``longest`` seconds.
    """

    def __init__(self, longest: float, clock: Callable[[], float] = boottime) -> None:
        self._longest = longest
        self._clock = clock
        self._since = clock()

    def pause(self, *, busy: bool, more: bool) -> float:
        """The seconds until the next poll. ``busy``: the last poll found something; ``more``: more is known
        to wait.
        """
        if busy:
            self._since = self._clock()
        if busy and more:
            return 0.0
        return min(self._longest, max(SHORTEST_SECONDS, (self._clock() - self._since) * SHARE))
