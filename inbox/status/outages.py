"""What a consumer waits for now, and since when."""

from __future__ import annotations

import time
from collections.abc import Callable

from inbox.signals import reason_changed, recovered, stalled
from outbox_core.people.failure import describe
from outbox_core.process.reasons import Reasons


class Outages:
    """What a consumer waits for now. Signals once when something is unavailable, once for each other reason
    that lasts, and once when it is back.
    """

    def __init__(self, consumer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._consumer = consumer
        self._clock = clock
        self._since: dict[str, float] = {}
        self._detail: dict[str, str] = {}
        self._reasons: dict[str, Reasons] = {}

    def begin(self, what: str, error: BaseException) -> None:
        why, now = describe(error), self._clock()
        self._detail[what] = f"{what}: {why}"
        if what not in self._since:
            self._since[what], self._reasons[what] = now, Reasons(why)
            stalled.send(self._consumer, what=what, error=error)
        elif self._reasons[what].is_news(why, now):
            seconds = now - self._since[what]
            reason_changed.send(self._consumer, what=what, error=error, seconds=seconds)

    def end(self, what: str) -> None:
        if what in self._since:
            seconds = self._clock() - self._since.pop(what)
            del self._detail[what], self._reasons[what]
            recovered.send(self._consumer, what=what, seconds=seconds)

    @property
    def details(self) -> dict[str, str]:
        """What the consumer waits for now, each with a description. Safe in any thread."""
        return dict(self._detail)

    @property
    def detail(self) -> str:
        """What the consumer waits for, as text; empty if it waits for nothing."""
        return "; ".join(self.details.values())
