"""How fast a backfill goes: at most so many rows a second, and not while events wait for long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from outbox.errors import OutboxError
from outbox.status.reading import read
from outbox_core.operations.report import State
from outbox_core.people.humanize import duration
from outbox_core.process.stopping import Stop

LOOK_SECONDS = 1.0
"""The time between two looks at the oldest pending event."""
BLIND = frozenset({State.REFUSED, State.NOT_MIGRATED, State.UNREADABLE})


def oldest_pending(using: str) -> float:
    """For how many seconds the oldest pending event waits. Raises OutboxError if that cannot be known."""
    status = read(using)
    if status.state in BLIND and status.problems:
        raise OutboxError(f"{status.problems[0].text} {status.problems[0].remedy}")
    return status.oldest_pending or 0.0


@dataclass(slots=True, kw_only=True)
class Pace:
    """``max_age``: pause while the oldest pending event waits longer than so many seconds."""

    using: str
    rate: float
    max_age: float
    stop: Stop
    tell: Callable[[str], object]
    age: Callable[[str], float] = oldest_pending
    clock: Callable[[], float] = time.monotonic
    _looked: float = field(default=float("-inf"), init=False)
    _oldest: float = field(default=0.0, init=False)
    _began: float = field(default=0.0, init=False)
    _next: float = field(default=float("-inf"), init=False)

    def wait(self) -> None:
        """Return when the next chunk may begin, or when a stop is requested."""
        self.stop.wait(max(0.0, self._next - self.clock()))
        paused = False
        while not self.stop.requested and (age := self._age()) > self.max_age:
            if not paused:
                self.tell(
                    f"Paused: the oldest pending event waits for {duration(age)}, and --max-pending-age is "
                    f"{duration(self.max_age)}. If this does not end, run outbox_status."
                )
            paused = True
            self.stop.wait(LOOK_SECONDS)
        if paused and not self.stop.requested:
            self.tell("Continued.")
        self._began = self.clock()

    def took(self, rows: int) -> None:
        """A chunk had so many rows: the next one begins when their share of time is over."""
        self._next = self._began + rows / self.rate

    def _age(self) -> float:
        """The same between two looks."""
        if self.clock() - self._looked >= LOOK_SECONDS:
            self._looked, self._oldest = self.clock(), self.age(self.using)
        return self._oldest
