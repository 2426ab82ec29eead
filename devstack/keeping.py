"""Services that stay between runs: a keeper process holds them, and .devstack/ has their addresses."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devstack.deadline import reached
from devstack.errors import DevstackError

STOP_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class State:
    """The notes of a folder's keeper: its pid, and the variables once everything answers."""

    pid: int
    environ: dict[str, str]

    @property
    def is_ready(self) -> bool:
        return bool(self.environ)


class Keeping:
    """The keeper of one working directory, if there is one. It holds a lock for as long as it lives."""

    def __init__(self, directory: Path) -> None:
        self.folder = directory / ".devstack"
        self.log = self.folder / "log"
        self._state = self.folder / "state.json"
        self._lock = self.folder / "lock"

    def state(self) -> State | None:
        """None when no keeper lives, whatever an earlier one may have left behind."""
        if not self._lock.exists():
            return None
        with open(self._lock) as lock:
            if _locked(lock):
                return None
        with contextlib.suppress(FileNotFoundError):
            return State(**json.loads(self._state.read_text()))
        return None

    def spawn(self, options: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a keeper that outlives us."""
        self.folder.mkdir(exist_ok=True)
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "devstack", "keep", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Be the keeper; DevstackError if there is one."""
        self.folder.mkdir(exist_ok=True)
        with open(self._lock, "w") as lock:
            # A process that checks whether we live takes the lock for a moment.
            if not reached(lambda: _locked(lock), seconds=2):
                raise DevstackError(
                    f"services are kept here already ({self.folder}): python -m devstack down"
                )
            self.write({})
            try:
                yield
            finally:
                self._state.unlink(missing_ok=True)

    def write(self, environ: dict[str, str]) -> None:
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps({"pid": os.getpid(), "environ": environ}))
        fresh.rename(self._state)

    def end(self, state: State) -> None:
        """Tell the keeper to stop its services, and wait until it has."""
        os.kill(state.pid, signal.SIGTERM)
        if not reached(lambda: self.state() is None, seconds=STOP_TIMEOUT):
            raise DevstackError(
                f"the keeper (pid {state.pid}) has not stopped after {STOP_TIMEOUT:.0f} s, see {self.log}"
            )


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
