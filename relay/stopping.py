"""The wish to stop, as a signal handler can express it."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue


class Stopping:
    """Remembers that somebody has asked, and ends a ``wait`` at once.

    A threading.Event would not do: its lock is not reentrant, and a handler that interrupts the very thread
    which is entering ``wait`` would hang for ever. ``SimpleQueue.put`` is made for that (see its docs).
    """

    def __init__(self) -> None:
        self._wake: SimpleQueue[None] = SimpleQueue()
        self.asked = False

    def ask(self) -> None:
        """Safe in a signal handler and in any thread."""
        self.asked = True
        self._wake.put(None)

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past a wish to stop; whether there is one."""
        if not self.asked:
            with suppress(Empty):
                self._wake.get(timeout=seconds)
        return self.asked
