"""The processes below a process, so that killing a server does not leave its workers behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from devstack.deadline import reached

PROC = Path("/proc")  # there is none on macOS, where ps answers


@dataclass(frozen=True, slots=True)
class Descendants:
    """The pids below one process, at one moment."""

    pids: tuple[int, ...]

    def kill(self) -> None:
        """SIGKILL them, and wait until they are gone."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reached(lambda: not any(map(_is_alive, self.pids)), seconds=10)


def descendants(pid: int) -> Descendants:
    children = defaultdict(list)
    for child, parent in _parents().items():
        children[parent].append(child)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children[waiting.pop()]
        found += below
        waiting += below
    return Descendants(tuple(found))


def _parents() -> dict[int, int]:
    """pid -> parent's pid, of every process: from /proc, or from ps where there is none (macOS)."""
    if not PROC.exists():
        lines = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True).splitlines()
        return {int(pid): int(parent) for pid, parent in map(str.split, lines)}
    parents = {}
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int(_stat(folder)[1])
    return parents


def _is_alive(pid: int) -> bool:
    """Whether it still runs; a zombie does not, and an idle init process may leave it one for seconds."""
    try:
        os.kill(pid, 0)
        return not PROC.exists() or _stat(PROC / str(pid))[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def _stat(folder: Path) -> list[str]:
    """The fields of /proc/<pid>/stat behind the program's name: state, parent's pid, ..."""
    return (folder / "stat").read_text().rpartition(")")[2].split()
