from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Protocol

TIMED_OUT = 3
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop(Protocol):
    """Whether to stop, and a sleep that ends early then."""

    @property
    def requested(self) -> bool: ...

    def wait(self, seconds: float) -> None: ...


class Shutdown:
    """Turns the first SIGTERM or SIGINT into a request to stop, a second or ``seconds`` more into exit 3.

    The signals are read from a socket by a thread: nothing runs inside a signal handler, and a loop that is
    stuck in a C call can still be ended. To be created in the main thread.
    """

    def __init__(self, seconds: float, leave: Callable[[int], object] = os._exit) -> None:
        self._seconds = seconds
        self._leave = leave
        self._requested = threading.Event()
        self._reader, self._writer = socket.socketpair()

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, but not past a request to stop."""
        self._requested.wait(seconds)

    def install(self) -> None:
        """Take over the signals."""
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._watch, name="shutdown", daemon=True).start()

    def _watch(self) -> None:
        self._next_signal()
        self._requested.set()
        self._reader.settimeout(self._seconds)
        try:
            self._next_signal()
        except TimeoutError:
            self._force("The shutdown did not finish in time")
        else:
            self._force("A second signal forces the end")

    def _force(self, why: str) -> None:
        try:
            print(f"inbox: {why}; what was in hand comes again.", file=sys.stderr, flush=True)
        finally:
            self._leave(TIMED_OUT)

    def _next_signal(self) -> None:
        while self._reader.recv(1)[0] not in SIGNALS:
            pass
