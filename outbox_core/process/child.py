"""One of the processes of a supervisor: the other end of its link, its ends, and its pauses."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

from outbox_core.probe import MAX_AGE_SECONDS
from outbox_core.process.backoff import Backoff
from outbox_core.process.clock import boottime
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.supervised import Supervised

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A process that has lived so long has worked: the pause after its end is the shortest again."""
ABSENT, STARTING = "it does not run", "it is starting"

CommandLine = Callable[[Supervised], Sequence[str]]
"""The command line of one process."""


class Child:
    """A process, also while it does not run. ``unready`` says why it cannot do its work now."""

    noun = "Process"
    """What the log calls it."""

    def __init__(self, number: int, command: CommandLine) -> None:
        self.number = number
        self.unready = ABSENT
        self.progressed = False
        """Whether it has made progress since the supervisor last did."""
        self.is_done = False
        """It has ended and is not started again."""
        self.errors = 0
        """How often in a row it has ended, soon after its start, because it could not run."""
        self._command = command
        self._pause = Backoff(LONGEST_PAUSE_SECONDS)
        self._popen: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._unread = b""
        self._started_at = self._heard_at = 0.0
        self._silence_is_known = False

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"

    @property
    def name(self) -> str:
        return f"{self.noun} {self.number}"

    @property
    def pid(self) -> int:
        """That of its last start; 0 before the first."""
        return self._popen.pid if self._popen else 0

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def is_steady(self) -> bool:
        return self.is_running and self.lived >= STEADY_SECONDS

    @property
    def lived(self) -> float:
        """Seconds since its start."""
        return boottime() - self._started_at

    @property
    def silence(self) -> float:
        """Seconds since its last progress, or its start."""
        return boottime() - self._heard_at

    @property
    def pause(self) -> float:
        """Seconds until it may be started again."""
        return self._pause.left

    @property
    def code(self) -> int:
        """The exit code of its end; -N if signal N killed it; 1 if it could not be started."""
        code = self._popen.returncode if self._popen else None
        return ExitCode.ERROR if code is None else code

    @property
    def end(self) -> str:
        """How it ended, for people."""
        if self.code < 0:
            return f"was killed by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}"

    def start(self, *descriptors: int) -> None:
        """Start it in a process group of its own: a Ctrl-C is for the supervisor alone. It inherits these
        file descriptors. Raises OSError.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                self._popen = subprocess.Popen(
                    self._command(Supervised(self.number, theirs.fileno())),
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno(), *descriptors],
                    process_group=0,
                )
            except OSError:
                ours.close()
                self._pause.failed("", at_least=FIRST_PAUSE_SECONDS)
                raise
        self._link, self._unread, self.unready = ours, b"", STARTING
        self._started_at = self._heard_at = boottime()
        self._silence_is_known = False

    def listen(self) -> None:
        """Read what it has sent: see Link."""
        with suppress(OSError):
            while self._link is not None and (sent := self._link.recv(65_536)):
                self._heard_at, self._silence_is_known = boottime(), False
                *lines, self._unread = (self._unread + sent).split(b"\n")
                if lines:
                    self.progressed, self.unready = True, lines[-1].decode(errors="replace")

    def falls_silent(self) -> bool:
        """Whether it has made no progress for a minute. True once in a silence."""
        if self._silence_is_known or self.silence < MAX_AGE_SECONDS:
            return False
        self._silence_is_known = True
        return True

    def has_ended(self) -> bool:
        """Whether it has ended; true once. From then on ``pause`` counts."""
        if self._link is None or self.is_running:
            return False
        self._link.close()
        self._link, self.progressed, self.unready = None, False, ABSENT
        if steady := self.lived >= STEADY_SECONDS:
            self._pause.passed()
        could_not_run = self.code in (ExitCode.ERROR, ExitCode.USAGE) and not steady
        self.errors = self.errors + 1 if could_not_run else 0
        self._pause.failed("", at_least=FIRST_PAUSE_SECONDS)
        return True

    def send(self, number: signal.Signals) -> None:
        """Nothing happens if it does not run."""
        if self._popen is not None:
            self._popen.send_signal(number)

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end, so long at most."""
        try:
            if self._popen is not None:
                self._popen.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return False
        return True
