"""``--processes N``: starts N processes of one command, starts again what ends, and stops all of them."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Sequence

from outbox_core.operations import runbook
from outbox_core.process.child import Child
from outbox_core.process.clock import boottime
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.stopping import Stop

LOOK_SECONDS = 0.25
LATER_SECONDS = 1.0
"""How much longer than a process the supervisor waits, so that the process says itself that it is late."""
ATTEMPTS: dict[int, int] = {ExitCode.USAGE: 1, ExitCode.ERROR: 3}
"""After so many ends with such a code in a row, each soon after a start, the next one would end likewise."""


class Supervisor:
    """The processes of one command. ``seconds`` is how long a process may take to stop."""

    def __init__(
        self,
        children: Sequence[Child],
        logger: logging.Logger,
        *,
        seconds: float,
        drain: bool = False,
    ) -> None:
        self._children = children
        self._logger = logger
        self._seconds = seconds
        self._drain = drain

    @property
    def _wanted(self) -> list[Child]:
        return [child for child in self._children if not child.is_done]

    def unready(self) -> str:
        """Why a process cannot do its work now; empty if all can. Safe in any thread."""
        return "; ".join(f"process {c.number}: {c.unready}" for c in self._wanted if c.unready)

    def leave(self, code: int) -> None:
        """End all processes and this one at once. Safe in any thread."""
        for child in self._children:
            child.send(signal.SIGKILL)
        os._exit(code)

    def run(self, stop: Stop, progress: Callable[[], None]) -> int:
        """Return the exit code when all processes have ended: after a stop is requested, when all are drained
        with ``drain``, or when they cannot run. ``progress`` is called when all processes have made
        progress since the last call.
        """
        while self._wanted and not stop.requested:
            if (hopeless := self.attend()) is not None:
                return hopeless.code
            self.pass_on(progress)
            stop.wait(LOOK_SECONDS)
        return self.end()

    def attend(self) -> Child | None:
        """Start what does not run, and note what has ended. If a process would end the same way again and
        again, all are stopped, and it is returned.
        """
        for child in self._wanted:
            self._attend(child)
            if self._is_hopeless(child):
                self._give_up(child)
                return child
        return None

    def _attend(self, child: Child) -> None:
        child.listen()
        if child.has_ended():
            self._note_end(child)
        elif child.is_running:
            self._note_silence(child)
        elif not child.pause:
            self._start(child)

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:
            self._logger.warning(
                "%s cannot be started: %s. The next attempt is in %.1f s.",
                *(child.name, error, child.pause),
                extra={"action": "process.start_failed", "number": child.number},
            )
        else:
            fields = {"number": child.number, "pid": child.pid}
            self._logger.info("%s started.", child, extra={"action": "process.started", **fields})

    def _note_end(self, child: Child) -> None:
        fields = {"number": child.number, "code": child.code, "seconds": round(child.lived, 1)}
        if self._drain and child.code in (ExitCode.CLEAN, ExitCode.NOT_DRAINED):
            child.is_done = True
            self._logger.info("%s %s.", child, child.end, extra={"action": "process.finished", **fields})
        elif not self._is_hopeless(child):
            self._logger.warning(
                "%s %s, %.0f s after its start. It is started again in %.1f s.",
                *(child, child.end, child.lived, child.pause),
                extra={"action": "process.ended", **fields},
            )

    def _note_silence(self, child: Child) -> None:
        if child.falls_silent():
            self._logger.error(
                "%s has made no progress for %.0f s: it hangs, or a handler or statement takes long. "
                "The health checks report it. If you kill it, it is started again.",
                *(child, child.silence),
                extra={"action": "process.silent", **runbook.field("process.silent"), "number": child.number},
            )

    def _is_hopeless(self, child: Child) -> bool:
        """Not if another process works: then the reason need not be the same for all."""
        others_work = any(each.is_steady for each in self._wanted)
        return not others_work and 0 < ATTEMPTS.get(child.code, 0) <= child.errors

    def _give_up(self, child: Child) -> None:
        self._logger.error(
            "%s %s: see its last lines. It would end the same way again, so all processes stop.",
            *(child, child.end),
            extra={"action": "process.given_up", "number": child.number, "code": child.code},
        )
        self.end()

    def pass_on(self, progress: Callable[[], None]) -> None:
        """Call ``progress`` if all processes have made progress since the last call."""
        wanted = self._wanted
        if wanted and all(child.progressed for child in wanted):
            for child in wanted:
                child.progressed = False
            progress()

    def end(self) -> int:
        """Ask all to finish their work, and wait for them. Returns the highest exit code."""
        running = [child for child in self._children if child.is_running]
        if running:
            self._logger.info(
                "Stopping: each process that runs (%d) finishes its current work.",
                len(running),
                extra={"action": "process.stopping", "processes": len(running)},
            )
        for child in running:
            child.send(signal.SIGTERM)
        until = boottime() + self._seconds + LATER_SECONDS
        late = [child for child in running if not child.ends_within(until - boottime())]
        for child in late:
            self._kill_late(child)
        codes = [self._exit_code(child) for child in self._children if child not in late]
        return max([*codes, *(ExitCode.SHUTDOWN_TIMED_OUT for _ in late)])

    def _kill_late(self, child: Child) -> None:
        self._logger.error(
            "%s did not stop in time and is killed. Nothing is lost; work in progress is repeated.",
            child,
            extra={"action": "process.killed", "number": child.number},
        )
        child.send(signal.SIGKILL)
        child.ends_within(self._seconds)

    def _exit_code(self, child: Child) -> int:
        if child.code == -signal.SIGTERM:  # it was asked before it could listen, so it had begun nothing
            return ExitCode.NOT_DRAINED if self._drain else ExitCode.CLEAN
        return child.code if child.code >= 0 else ExitCode.ERROR
