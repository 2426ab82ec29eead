"""Decides when the demo gives up waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from demo.child import Child
from demo.errors import TookTooLong

NO_PROGRESS_SECONDS = 60.0


@dataclass(slots=True)
class Patience:
    """How long to wait without progress, and whose log to show then."""

    what: str
    suspects: Sequence[Child] = ()
    seconds: float = NO_PROGRESS_SECONDS
    clock: Callable[[], float] = time.monotonic
    _last: object = None
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def see(self, progress: object) -> None:
        """Store the progress. Raises TookTooLong if it has not changed for too long."""
        if progress != self._last:
            self._last, self._since = progress, self.clock()
        elif self.clock() - self._since > self.seconds:
            logs = "\n".join(child.last_words() for child in self.suspects)
            raise TookTooLong(
                f"{self.what}: no progress for {self.seconds:.0f} s (at {progress}).\n{logs}".rstrip()
            )
