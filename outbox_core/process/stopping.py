"""The request that a process should stop, and the signals that make it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from outbox_core.process.clock import boottime
from outbox_core.process.exit_codes import ExitCode

SIGNALS = (signal.SIGTERM, signal.SIGINT)
ONE_WISH_SECONDS = 1.0
"""GNU ``timeout`` and many wrappers signal a process and then its group: that counts as one request."""
LONGEST_WAIT_SECONDS = 3_600.0
"""A socket refuses to wait for months."""
EXPIRED_SECONDS = 5.0
"""How long current work may take after the time for a drain is over."""


class Stop(Protocol):
    """Whether to stop, and a sleep that a stop request ends."""

    @property
    def requested(self) -> bool: ...

    def wait(self, seconds: float) -> object: ...


class StopToken:
    """Stores that a stop was requested, and ends every ``wait`` at once.

    A threading.Event does not work: its lock is not reentrant, so a handler that interrupts the thread that
    is entering ``wait`` would hang. ``SimpleQueue.put`` is made for that (see its docs).
    """

    def __init__(self) -> None:
        self._wake: SimpleQueue[None] = SimpleQueue()
        self.requested = False

    def request(self) -> None:
        """Safe in a signal handler and in any thread."""
        self.requested = True
        self._wake.put(None)

    def wait(self, seconds: float) -> bool:
        """Sleep until the time is over or a stop is requested. Returns whether it is requested."""
        if not self.requested:
            with suppress(Empty):
                self._wake.get(timeout=seconds)
                self._wake.put(None)  # for other threads that wait
        return self.requested


@contextmanager
def stop_on_signals() -> Iterator[StopToken]:
    """A token for a command: the first SIGTERM or SIGINT requests a stop, one more than a second later raises
    KeyboardInterrupt. In another thread than the main one, signals do nothing new.
    """
    stop, since = StopToken(), 0.0

    def heed(*_: object) -> None:
        nonlocal since
        if stop.requested and boottime() - since > ONE_WISH_SECONDS:
            raise KeyboardInterrupt
        if not stop.requested:
            since = boottime()
            stop.request()

    numbers = SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, heed) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopSignals:
    """Turns the first SIGTERM or SIGINT into a request to stop. A later signal, or the end of ``seconds``,
    ends the process with exit code 3. Signals within a second of the first one are the same request.

    The signals are read from a socket by a thread, so a process whose main thread is stuck in a C call can
    still be ended. Use it in the main thread.
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
        """Handle the signals. After ``timeout`` seconds without one, request a stop anyway, and later force
        the end with exit code 4.
        """
        self._writer.setblocking(False)
        self._listen()
        for number in SIGNALS:
            signal.signal(number, self._heard)
        threading.Thread(target=self._watch, args=(timeout,), name="stop-signals", daemon=True).start()

    def _listen(self) -> int:
        """Have Python write each signal to the socket. Returns where it wrote before."""
        return signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def _heard(self, number: int, _: object) -> None:
        """Runs in the main thread, later. Another library may have taken the signals, as the loop of asyncio
        does.
        """
        if self._listen() != self._writer.fileno():
            self._writer.send(bytes([number]))

    def ignore(self) -> None:
        """The process has stopped: a later signal must not change its exit code."""
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
            left = None if until is None else max(0.001, until - boottime())
            self._reader.settimeout(None if left is None else min(left, LONGEST_WAIT_SECONDS))
            with suppress(TimeoutError):
                if self._reader.recv(1)[0] in SIGNALS:
                    return True
        return False

    def _force(self, code: ExitCode, why: str) -> None:
        try:
            print(
                f"{self._name}: {why} (exit code {code}). Nothing is lost; "
                "work in progress is repeated after a restart.",
                file=sys.stderr,
                flush=True,
            )
        finally:
            self._leave(code)
