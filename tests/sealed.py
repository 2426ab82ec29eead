"""A unit test may not start a process or open a connection: Python's audit events report both."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

FORBIDDEN = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "socket.connect"}
_sealed: str | None = None
_listening = False


class NotAUnitTest(BaseException):
    """Not an Exception: code that handles errors of the network must not handle this one."""


@contextmanager
def sealed(test: str) -> Iterator[None]:
    """Inside the block, ``test`` fails where it starts a process or connects to anything."""
    global _sealed
    _listen()
    outer, _sealed = _sealed, test
    try:
        yield
    finally:
        _sealed = outer


def _listen() -> None:
    """An audit hook stays for the life of the process, so it is added once."""
    global _listening
    if not _listening:
        sys.addaudithook(_refuse)
        _listening = True


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if _sealed is not None and event in FORBIDDEN:
        raise NotAUnitTest(
            f"{_sealed} is a unit test, but it raises {event} {arguments[:2]}. Mark it integration or "
            "acceptance, or name its module in tests/tiers.py."
        )
