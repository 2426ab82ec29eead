"""Acts while the loop hangs: ends the process when its lease runs out during a wave, has somebody look what
a statement waits for, and interrupts one that hangs.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from outbox_core.process.clock import boottime
from outbox_core.process.exit_codes import ExitCode

LOOK_EVERY_SECONDS = 0.2
LATE_SECONDS = 3.0


class Watchdog(threading.Thread):
    """Watches the loop from a thread of its own.

    ``lease_deadline`` returns the deadline of the lease under which records are in flight, or None. After it
    another relay may own the shard. No client can recall what it has buffered, so only the end of the process
    stops the rest. The loop calls ``beat`` to show progress. While it ``is_late``, ``look`` is called now and
    then; after ``statement_seconds`` without a beat, ``unstick`` is called once.
    """

    def __init__(
        self,
        *,
        lease_deadline: Callable[[], float | None],
        unstick: Callable[[], None],
        look: Callable[[], None],
        statement_seconds: float,
        exit_process: Callable[[int], None] = os._exit,
    ) -> None:
        super().__init__(name="relay-watchdog", daemon=True)
        self._lease_deadline = lease_deadline
        self._unstick = unstick
        self._look = look
        self._looked_at = self._unstuck_at = 0.0
        self._statement_seconds = statement_seconds
        self._late_seconds = min(LATE_SECONDS, statement_seconds / 2)
        self._exit = exit_process
        self._done = threading.Event()
        self.beat()

    def beat(self) -> None:
        """Note that the loop makes progress."""
        self._last_beat = boottime()

    @property
    def is_late(self) -> bool:
        """Whether the loop has shown no progress for some seconds."""
        return boottime() - self._last_beat > self._late_seconds

    def run(self) -> None:
        while not self._done.wait(LOOK_EVERY_SECONDS):
            self.check(boottime())

    def check(self, now: float) -> None:
        """Act if something is overdue at ``now``."""
        deadline = self._lease_deadline()
        if deadline is not None and now >= deadline:
            self._end(
                ExitCode.ERROR,
                "The lease ran out with a wave in flight: the process ends, so that no more is sent.",
            )
        if now - max(self._last_beat, self._unstuck_at) > self._statement_seconds:
            self._unstuck_at = now
            self._unstick()
        elif now - max(self._last_beat, self._looked_at) > self._late_seconds:
            # Not while a statement is broken: what was found before is the reason of its error.
            self._looked_at = now
            self._look()

    def _end(self, code: ExitCode, why: str) -> None:
        print(f"relay: {why}", file=sys.stderr, flush=True)
        self._exit(code)

    def stop(self) -> None:
        self._done.set()
