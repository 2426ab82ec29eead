"""A small process that outlives its parent by a moment, to end what a killed parent could not end itself.

Started by devstack.reaping, with the standard library alone. Each line of standard input is a JSON object:
``{"watch": pid, "signal": n}``, ``{"forget": pid}``, ``{"folder": path}``, ``{"keep": path}`` or
``{"run": command}``. When standard input ends, or the parent is gone, every watched process gets its signal,
then SIGKILL, the folders go, and the commands run.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

GRACE = 10.0
CHECK_PARENT_EVERY = 1.0
COMMAND_TIMEOUT = 120.0


class Watched:
    """A process held by a pidfd where there are such, so that a recycled pid is never hit."""

    def __init__(self, pid: int, number: int) -> None:
        self.pid = pid
        self.signal = number
        self._fd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._fd is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(self._fd, number)

    def is_alive(self) -> bool:
        if self._fd is not None:
            return not select.select([self._fd], [], [], 0)[0]
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)


class Reaper:
    def __init__(self) -> None:
        self.watched: dict[int, Watched] = {}
        self.folders: list[str] = []
        self.commands: list[list[str]] = []

    def take(self, line: bytes) -> None:
        order = json.loads(line)
        if "watch" in order:
            with contextlib.suppress(ProcessLookupError):
                self.watched[order["watch"]] = Watched(order["watch"], order["signal"])
        elif "forget" in order:
            if watched := self.watched.pop(order["forget"], None):
                watched.close()
        elif "folder" in order:
            self.folders.append(order["folder"])
        elif "run" in order:
            self.commands.append(order["run"])
        else:
            with contextlib.suppress(ValueError):
                self.folders.remove(order["keep"])

    def reap(self) -> None:
        """End the commands first, which may ask their services for a last time, then the services."""
        everyone = list(self.watched.values())
        _end([each for each in everyone if each.signal == signal.SIGTERM])
        _end([each for each in everyone if each.signal != signal.SIGTERM])
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        for command in self.commands:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(command, check=False, timeout=COMMAND_TIMEOUT)


def _end(processes: list[Watched]) -> None:
    """Give each its signal and some time, then SIGKILL."""
    for process in processes:
        process.send(process.signal)
    deadline = time.monotonic() + GRACE
    while any(process.is_alive() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in processes:
        process.send(signal.SIGKILL)


def main() -> None:
    parent = os.getppid()
    reaper = Reaper()
    pending = b""
    while os.getppid() == parent:
        if not select.select([0], [], [], CHECK_PARENT_EVERY)[0]:
            continue
        received = os.read(0, 65536)
        if not received:
            break
        *lines, pending = (pending + received).split(b"\n")
        for line in lines:
            reaper.take(line)
    reaper.reap()


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    main()
    sys.exit(0)
