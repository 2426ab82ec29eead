"""Runs a command while the services run. It gets every signal once, and its exit code becomes ours."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from devstack import reaping
from devstack.errors import DevstackError

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run ``command`` to its end and return its exit code, 128 + n if signal n ended it."""
    at_terminal = _is_foreground()
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environ},
            # The terminal sends what is typed to its whole foreground group, which the command has to be in.
            process_group=None if at_terminal else 0,
        )
    except OSError as error:
        raise DevstackError(f"cannot run {command[0]}: {error.strerror}") from error
    reaping.watch(process.pid, signal=signal.SIGTERM)
    with _forwarding(process, at_terminal=at_terminal):
        code = process.wait()
    reaping.forget(process.pid)
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _forwarding(process: subprocess.Popen[bytes], *, at_terminal: bool) -> Iterator[None]:
    """Pass on what the terminal does not send to the command itself; a second SIGTERM kills it."""
    received: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGTERM:
            process.send_signal(signal.SIGKILL if received.count(number) > 1 else number)
        elif not at_terminal and process.poll() is None:
            os.killpg(process.pid, number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_foreground() -> bool:
    """Whether we run in the foreground of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
