"""Connects this process to its reaper, which ends our services and folders even after a SIGKILL."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from devstack import reaper


def watch(pid: int, *, signal: int) -> None:
    """End ``pid`` with ``signal`` when this process is gone."""
    _tell(watch=pid, signal=int(signal))


def forget(pid: int) -> None:
    _tell(forget=pid)


def watch_folder(folder: Path) -> None:
    """Remove ``folder`` when this process is gone."""
    _tell(folder=str(folder))


def forget_folder(folder: Path) -> None:
    _tell(keep=str(folder))


def run_at_end(command: Sequence[str]) -> None:
    """Run ``command`` when this process is gone."""
    _tell(run=list(command))


def _tell(**order: object) -> None:
    # A killed reaper is not an error: it is needed only if we are killed as well.
    with contextlib.suppress(BrokenPipeError):
        os.write(_line(os.getpid()), json.dumps(order).encode() + b"\n")


@cache
def _line(_pid: int) -> int:
    """The write end of the reaper's standard input; a forked child gets a reaper of its own."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", reaper.__file__],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    os.close(reading)
    atexit.register(_hang_up, os.getpid(), writing, process)
    return writing


def _hang_up(pid: int, writing: int, process: subprocess.Popen[bytes]) -> None:
    if os.getpid() == pid:
        os.close(writing)
        process.wait()
