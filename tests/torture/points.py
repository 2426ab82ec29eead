"""Named points of the relay's loop, at which a relay can be made to die or to freeze.

A point is armed by a file of its name; the first relay that passes takes the file away and does to itself
what is written in it: ``kill``, or ``stop`` (SIGSTOP, until somebody sends SIGCONT).
"""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from pathlib import Path

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
POINTS = (
    "after-poll",
    "mid-wave",
    "acked-not-checkpointed",
    "checkpointed",
    "during-takeover",
    "hold-made",
    "released-not-deleted",
    "before-delete-hold",
    "tidying",
)


class Points:
    """The points of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        """Held by the fault that has armed a point: another one waits for its turn."""

    def arm(self, point: str, deed: str) -> None:
        unfinished = self.folder / f"{point}.unfinished"
        unfinished.write_text(deed)
        unfinished.rename(self.folder / point)

    def disarm(self, point: str) -> bool:
        """Whether nobody has passed it yet."""
        try:
            (self.folder / point).unlink()
        except FileNotFoundError:
            return False
        return True

    def victim(self, point: str) -> int | None:
        """The pid of the relay that has passed the point since it was armed."""
        taken = self.folder / f"{point}.taken"
        return int(taken.read_text() or 0) or None if taken.exists() else None

    def forget(self, point: str) -> None:
        (self.folder / f"{point}.taken").unlink(missing_ok=True)

    def take(self, point: str) -> str | None:
        """What to do at this point, if it is armed; only one process is told."""
        mine = self.folder / f"{point}.{os.getpid()}"
        try:
            (self.folder / point).rename(mine)
        except FileNotFoundError:
            return None
        deed = mine.read_text()
        mine.write_text(str(os.getpid()))
        mine.rename(self.folder / f"{point}.taken")
        return deed

    def reached(self, point: str) -> None:
        deed = self.take(point)
        if deed:
            os.kill(os.getpid(), SIGNALS[deed])
