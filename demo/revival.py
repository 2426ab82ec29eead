"""Starts ended processes again, like a supervisor."""

from __future__ import annotations

import time
from collections.abc import Callable

from demo.child import Child
from demo.errors import ProcessEnded
from demo.processes import Processes

TOO_SOON_SECONDS = 5.0
PATIENCE_SECONDS = 90.0
LONGEST_PAUSE_SECONDS = 5.0


class Revival:
    """Starts a process again: at once if it had run for a while, otherwise after growing pauses.

    ``say`` gets one line for each process that was started again.
    """

    def __init__(
        self,
        processes: Processes,
        say: Callable[[str], None],
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._processes = processes
        self._say = say
        self._patience = patience
        self._failing: dict[str, tuple[float, int]] = {}
        """By name, since when a process has kept ending at once, and how often."""
        self._due: dict[str, float] = {}

    def look(self) -> None:
        """Start again what is due. Raises ProcessEnded for a process that has kept ending at once."""
        for child in self._processes.ended():
            if child.name not in self._due:
                self._due[child.name] = time.monotonic() + self._pause(child)
            if time.monotonic() >= self._due[child.name]:
                del self._due[child.name]
                started = self._processes.again(child)
                self._say(
                    f"{child.name} (pid {child.pid}) ended, {child.how()}: started again, pid {started.pid}"
                )

    def _pause(self, child: Child) -> float:
        now = time.monotonic()
        if now - child.started_at >= TOO_SOON_SECONDS:
            self._failing.pop(child.name, None)
            return 0.0
        since, count = self._failing.get(child.name, (now, 0))
        self._failing[child.name] = since, count + 1
        if now - since >= self._patience:
            raise ProcessEnded(f"{child.name} keeps ending as soon as it is started {child.fate()}")
        return min(LONGEST_PAUSE_SECONDS, 0.5 * 2.0**count)
