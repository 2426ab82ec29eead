"""A process that a supervisor has started: it reports its progress, and stops when the supervisor is gone."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from argparse import ArgumentTypeError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from outbox_core.people.failure import without_rows
from outbox_core.people.text import line
from outbox_core.process.notify import EVERY_SECONDS
from outbox_core.process.stopping import Stop

if TYPE_CHECKING:
    from outbox_core.process.health import Health


@dataclass(frozen=True, slots=True)
class Supervised:
    """Which of its supervisor's processes this is, from 1, and the file descriptor of the link to it."""

    number: int
    descriptor: int

    def __str__(self) -> str:
        return f"{self.number}:{self.descriptor}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The argparse type."""
        with suppress(ValueError):
            number, descriptor = map(int, text.split(":"))
            return cls(number, descriptor)
        raise ArgumentTypeError(f"{text!r} is for the supervisor only; use --processes")

    def own(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options of the command as they are for this process: the supervisor has the liveness file and
        the port that was asked for, this process the port that is ``number`` higher.
        """
        http = options["http"]
        moved = http._replace(port=http.port + self.number) if http and http.port else http
        return {**options, "http": moved, "liveness_file": None}


class Link:
    """This process's end of the link, which is watched from now on. Each line that it sends is progress, and
    says why the process is not ready; an empty one: it is. The supervisor sends nothing. When it is gone, the
    process stops as after SIGTERM.
    """

    def __init__(self, supervised: Supervised, stop: Stop, health: Health | None) -> None:
        self._stop = stop
        self._health = health
        self._next_at = 0.0
        self._socket = socket.socket(fileno=supervised.descriptor)
        self._socket.set_inheritable(False)
        threading.Thread(target=self._watch, name="supervisor", daemon=True).start()

    def progress(self) -> None:
        """The loop makes progress. Sends once a second at most, and never waits."""
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + EVERY_SECONDS
        unready = line(without_rows(self._health.unready()), 500) if self._health else ""
        with suppress(OSError):  # the supervisor is gone, or does not read
            self._socket.send(f"{unready}\n".encode(), socket.MSG_DONTWAIT)

    def _watch(self) -> None:
        with suppress(OSError):
            while self._socket.recv(1):
                pass
        if not self._stop.requested:
            os.kill(os.getpid(), signal.SIGTERM)
