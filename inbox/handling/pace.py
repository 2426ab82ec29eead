"""The size of a batch, so that one transaction takes about two seconds."""

from __future__ import annotations

FIRST = 8
GROWTH = 4
SECONDS = 2.0


class Pace:
    """The size of the next batch, up to ``most``: as many events as their handlers can do in ``SECONDS``.

    While a transaction runs, none of its effects is visible, the process cannot stop, and it gives up no
    partition. How slow the handlers are is not known at first, so the size starts small and grows.
    """

    def __init__(self, most: int) -> None:
        self.size = min(FIRST, most)
        self._most = most

    def took(self, events: int, seconds: float) -> None:
        """A batch of so many events took so long."""
        affordable = self._most if seconds <= 0 else int(SECONDS * events / seconds)
        self.size = max(1, min(affordable, self.size * GROWTH, self._most))
