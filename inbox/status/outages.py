"""What a consumer waits for now, and since when."""

from __future__ import annotations

import time
from collections.abc import Callable

from inbox.signals import recovered, stalled
from outbox_core.people.failure import describe


class Outages:
    """What a consumer waits for now. Signals once when something is unavailable, and once when it is back."""

    def __init__(self, consumer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._consumer = consumer
        self._clock = clock
        self._since: dict[str, float] = {}
        self._detail: dict[str, str] = {}

    def begin(self, what: str, error: BaseException) -> None:
        self._detail[what] = f"{what}: {describe(error)}"
        if what not in self._since:
            self._since[what] = self._clock()
            stalled.send(self._consumer, what=what, error=error)

    def end(self, what: str) -> None:
        if what in self._since:
            seconds = self._clock() - self._since.pop(what)
            del self._detail[what]
            recovered.send(self._consumer, what=what, seconds=seconds)

    @property
    def details(self) -> dict[str, str]:
        """What the consumer waits for now, each with a description. Safe in any thread."""
        return dict(self._detail)

    @property
    def detail(self) -> str:
        """What the consumer waits for, as text; empty if it waits for nothing."""
        return "; ".join(self.details.values())
