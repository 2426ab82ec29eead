"""A backfill waits while events wait for long: live writers come first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from outbox.errors import OutboxError
from outbox_core.operations.report import State
from outbox_core.people.humanize import duration

LOOK_SECONDS = 1.0
"""The time between two looks at the oldest pending event."""
BLIND = frozenset({State.REFUSED, State.NOT_MIGRATED, State.UNREADABLE})


def oldest_pending(using: str) -> float:
    """For how many seconds the oldest pending event waits. Raises OutboxError if that cannot be known."""
    from outbox.status.reading import read  # which shows operations, so it imports this module

    status = read(using)
    if status.state in BLIND and status.problems:
        raise OutboxError(f"{status.problems[0].text} {status.problems[0].remedy}")
    return status.oldest_pending or 0.0


@dataclass(slots=True, kw_only=True)
class Pace:
    """Of all backfills of this process."""

    age: Callable[[str], float] = oldest_pending
    clock: Callable[[], float] = time.monotonic
    _looks: dict[str, tuple[float, float]] = field(default_factory=dict, init=False)

    def waits(self, using: str, most: float) -> str:
        """Why the next chunk must wait, in a sentence: the oldest pending event waits for more than ``most``
        seconds. Empty if it may begin. Raises OutboxError if that cannot be known.
        """
        age = self._age(using)
        if age <= most:
            return ""
        return (
            f"Waiting, because the oldest pending event waits for {duration(age)}, and --max-pending-age is "
            f"{duration(most)}. If this does not end, run outbox_status."
        )

    def _age(self, using: str) -> float:
        """The same between two looks."""
        at, age = self._looks.get(using, (float("-inf"), 0.0))
        if self.clock() - at >= LOOK_SECONDS:
            at, age = self._looks[using] = self.clock(), self.age(using)
        return age
