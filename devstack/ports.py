"""TCP ports that stay ours from the first start to the last stop, also while a broker is down in between.

They lie below the ephemeral range: a client that keeps dialling a stopped broker on an ephemeral port can be
given that very port as its own end of the connection, and the broker then cannot come back.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

from devstack.errors import DevstackError

RANGE = range(20_000, 32_000)


class Port:
    """A reserved port: a lock on a file of its number, dropped with the process, whatever ends it."""

    def __init__(self, number: int, lock: int) -> None:
        self.number = number
        self._lock = lock

    def __int__(self) -> int:
        return self.number

    def release(self) -> None:
        os.close(self._lock)


def reserve() -> Port:
    """Reserve a port of 127.0.0.1 that nothing listens on and no other devstack of this user holds."""
    for number in random.sample(RANGE, 500):
        if port := _locked(number):
            if _is_free(number):
                return port
            port.release()
    raise DevstackError(
        f"no free TCP port found on 127.0.0.1 between {RANGE.start} and {RANGE.stop}: "
        "stop what listens there (ss -ltn lists it)"
    )


def _locked(number: int) -> Port | None:
    folder = Path(tempfile.gettempdir(), f"devstack-ports-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / str(number), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Port(number, lock)


def _is_free(number: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
