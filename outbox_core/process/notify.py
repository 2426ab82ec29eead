"""Reports to systemd: ready, still alive, stopping. See sd_notify(3), which needs no library."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

EVERY_SECONDS = 1.0


class Notifier:
    """Writes to the socket of a unit with ``Type=notify``, while the context is active. ``address`` is
    NOTIFY_SOCKET; without one it does nothing.
    """

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._alive_at = 0.0
        self._is_ready = False

    @classmethod
    def of_unit(cls) -> Self:
        """For the unit that started this process. Programs that the process starts do not inherit it."""
        return cls(os.environ.pop("NOTIFY_SOCKET", ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def progress(self) -> None:
        """The loop makes progress: the first time it is ready. It writes once a second at most."""
        now = time.monotonic()
        if now < self._alive_at:
            return
        self._alive_at = now + EVERY_SECONDS
        self._say("WATCHDOG=1" if self._is_ready else "READY=1\nWATCHDOG=1")
        self._is_ready = True

    def stopping(self) -> None:
        """The process has been asked to stop."""
        self._say("STOPPING=1")

    def _say(self, state: str) -> None:
        """A manager that does not listen is no reason to end: it notices the silence."""
        if self._address:
            with suppress(OSError):
                self._socket.sendto(state.encode(), self._address)
