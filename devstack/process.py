"""A service's process: in a session of its own, its output in a log file, and never outliving this one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devstack import reaping
from devstack.account import Account
from devstack.deadline import reached
from devstack.errors import DevstackError


class Process:
    """One run of a service; ``name`` is how errors call it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        account: Account | None = None,
        environ: Mapping[str, str] | None = None,
        last_signal: int = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env=None if environ is None else {**os.environ, **environ},
                start_new_session=True,
                **(account.identity() if account else {}),
            )
        reaping.watch(self.pid, signal=last_signal)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def stop(self, number: int, *, timeout: float) -> None:
        """Send ``number`` and wait for the end; raises DevstackError after ``timeout`` seconds."""
        self.signal(number)
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise DevstackError(
                f"{self.name} did not stop within {timeout:.0f} s of {signal.Signals(number).name}; "
                f"the end of {self.log}:\n{self.log_end()}"
            ) from error
        reaping.forget(self.pid)

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()
        reaping.forget(self.pid)

    def await_answer(self, answers: Callable[[], bool], *, timeout: float) -> None:
        """Wait until ``answers()``; raises DevstackError with the end of the log if it ends or never does."""
        answered = reached(lambda: not self.is_running or answers(), seconds=timeout)
        if not self.is_running:
            raise DevstackError(
                f"{self.name} ended with exit code {self._popen.returncode} instead of starting; "
                f"the end of {self.log}:\n{self.log_end()}"
            )
        if not answered:
            raise DevstackError(
                f"{self.name} does not answer after {timeout:.0f} s; the end of {self.log}:\n{self.log_end()}"
            )

    def log_end(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (empty)"


def temporary_folder(name: str, *, account: Account | None = None) -> Path:
    """A folder that ``account`` can reach and all may read; gone when we are."""
    base = Path(tempfile.gettempdir())
    if account and not account.can_enter(base):
        base = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix=f"devstack-{name}-", dir=base))
    folder.chmod(0o755)
    reaping.watch_folder(folder)
    return folder


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    reaping.forget_folder(folder)
