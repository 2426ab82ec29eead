"""The wish that a process should stop, and the signals that express it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from outbox_core.process.clock import boottime
from outbox_core.process.exit_codes import ExitCode

SIGNALS = (signal.SIGTERM, signal.SIGINT)
ONE_WISH_SECONDS = 1.0
"""``timeout`` of GNU coreutils and many wrappers signal a process and then its group: that is one wish."""
EXPIRED_SECONDS = 5.0
"""How long what is in hand may take when the time for a drain is over."""


class Stop(Protocol):
    """Whether to stop, and a sleep that ends early then."""

    @property
    def requested(self) -> bool: ...

    def wait(self, seconds: float) -> object: ...


class StopToken:
    """Remembers that somebody has asked, and ends every ``wait`` at once.

    A threading.Event would not do: its lock is not reentrant, and a handler that interrupts the very thread
    which is entering ``wait`` would hang for ever. ``SimpleQueue.put`` is made for that (see its docs).
    """

    def __init__(self) -> None:
        self._wake: SimpleQueue[None] = SimpleQueue()
        self.requested = False

    def request(self) -> None:
        """Safe in a signal handler and in any thread."""
        self.requested = True
        self._wake.put(None)

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past a request to stop; whether there is one."""
        if not self.requested:
            with suppress(Empty):
                self._wake.get(timeout=seconds)
                self._wake.put(None)  # for others who wait
        return self.requested


class StopSignals:
    """Turns the first SIGTERM or SIGINT into a request to stop, and a later one, or ``seconds`` more, into
    the end of the process with exit code 3. Signals within a second of the first one are the same wish.

    The signals are read from a socket by a thread: nothing runs inside a signal handler, and a process whose
    main thread is stuck in a C call can still be ended. To be used in the main thread.
    """

    def __init__(
        self, name: str, token: StopToken, *, seconds: float, leave: Callable[[int], object] = os._exit
    ) -> None:
        self._name = name
        self._token = token
        self._seconds = seconds
        self._leave = leave
        self._reader, self._writer = socket.socketpair()

    def install(self, *, timeout: float | None = None) -> None:
        """Take over the signals. After ``timeout`` seconds without one ask to stop all the same, and then
        force the end with exit code 4.
        """
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._watch, args=(timeout,), name="stop-signals", daemon=True).start()

    def ignore(self) -> None:
        """The process has stopped: a signal that still comes must not change its exit code."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _watch(self, timeout: float | None) -> None:
        code, patience = ExitCode.SHUTDOWN_TIMED_OUT, self._seconds
        if not self._signalled(timeout):
            code, patience = ExitCode.NOT_DRAINED, min(self._seconds, EXPIRED_SECONDS)
        began = boottime()
        self._token.request()
        while self._signalled(began + patience - boottime()):
            if boottime() - began > ONE_WISH_SECONDS:
                self._force(code, "A second signal forces the end")
                return
        self._force(code, "It did not stop in time")

    def _signalled(self, seconds: float | None) -> bool:
        """Whether one of the signals comes within so many seconds."""
        until = None if seconds is None else boottime() + seconds
        while until is None or boottime() < until:
            self._reader.settimeout(None if until is None else max(0.001, until - boottime()))
            with suppress(TimeoutError):
                if self._reader.recv(1)[0] in SIGNALS:
                    return True
        return False

    def _force(self, code: ExitCode, why: str) -> None:
        try:
            print(
                f"{self._name}: {why} (exit code {code}). Nothing is lost; what was in hand comes again.",
                file=sys.stderr,
                flush=True,
            )
        finally:
            self._leave(code)
