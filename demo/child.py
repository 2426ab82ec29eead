"""A program that the demo starts, with a log file of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from devstack import reaping

ROOT = Path(__file__).resolve().parent.parent
LOG_LINES = 15


class Child:
    """One run of a program with a log file. It has its own session, so that Ctrl-C reaches only the demo."""

    def __init__(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path, *, lasting: bool
    ) -> None:
        self.name = name
        self.command = command
        self.environ = environ
        self.log = log
        self.lasting = lasting
        self.started_at = time.monotonic()
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **environ},
                start_new_session=True,
            )
        reaping.watch(self.pid, signal=signal.SIGTERM)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number if one killed it."""
        return self._popen.poll()

    def ask_to_stop(self) -> None:
        self._popen.terminate()

    def how(self) -> str:
        """How it ended."""
        code = self.exit_code
        return (
            f"killed by {signal.Signals(-code).name}"
            if code is not None and code < 0
            else f"exit code {code}"
        )

    def fate(self) -> str:
        """How it ended, and the end of its log."""
        return f"({self.how()}). {self.last_words()}"

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "\n".join([f"The end of {self.log}:", *(f"  | {line}" for line in lines or ["(nothing)"])])

    def await_end(self, seconds: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        code = self._popen.wait(seconds)
        reaping.forget(self.pid)
        return code

    def kill(self) -> None:
        """SIGKILL it and whatever it has started itself."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.await_end()
