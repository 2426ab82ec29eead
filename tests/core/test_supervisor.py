"""What the supervisor of --processes makes of the ends of its processes. They are real, and small."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outbox_core.process import child, supervisor
from outbox_core.process.child import Child
from outbox_core.process.stopping import StopToken
from outbox_core.process.supervised import Supervised
from outbox_core.process.supervisor import Supervisor
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance
SECONDS = 30.0
BEGINNING = """
import os, pathlib, signal, socket, sys, time
folder, (number, descriptor) = pathlib.Path(sys.argv[1]), map(int, sys.argv[2].split(":"))
starts = folder / str(number)
starts.write_text(f"{starts.read_text() if starts.exists() else ''}{os.getpid()} ")
turn = len(starts.read_text().split())
link = socket.socket(fileno=descriptor)
def progress(unready=""):
    link.send(f"{unready}\\n".encode())
"""


class Supervising:
    """A supervisor in a thread of its own. Its processes run ``program``."""

    def __init__(self, folder: Path, program: str, *, seconds: float = SECONDS, drain: bool = False) -> None:
        self._folder = folder
        self.stop = StopToken()
        self.progress = threading.Semaphore(0)
        self.code: int | None = None
        logger = logging.getLogger("tests.supervisor")

        def command(supervised: Supervised) -> list[str]:
            return [sys.executable, "-ISc", BEGINNING + program, str(folder), str(supervised)]

        children = [Child(number, command) for number in (1, 2)]
        self.supervisor = Supervisor(children, logger, seconds=seconds, drain=drain)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.code = self.supervisor.run(self.stop, self.progress.release)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        self._thread.join(SECONDS)
        assert self.code is not None
        return self.code

    def pids(self, number: int) -> list[int]:
        """Those of all starts of one process."""
        path = self._folder / str(number)
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    def starts(self, first: int, second: int) -> Callable[[], bool]:
        return lambda: (len(self.pids(1)), len(self.pids(2))) == (first, second)


@pytest.fixture
def supervising(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[..., Supervising]]:
    monkeypatch.setattr(child, "FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(supervisor, "LATER_SECONDS", 0.2)
    caplog.set_level(logging.INFO, "tests.supervisor")
    started: list[Supervising] = []

    def start(program: str, **options: float) -> Supervising:
        started.append(Supervising(tmp_path, program, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for each in started:
        each.stop.request()
        each.end()


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.action for record in caplog.records]  # type: ignore[attr-defined]


def test_progress_is_that_of_all_processes(
    supervising: Callable[..., Supervising],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One that hangs, or does not run, holds it back."""
    both = supervising("while True: progress('' if turn > 1 else 'it waits'); time.sleep(0.05)")
    assert both.progress.acquire(timeout=SECONDS)
    assert both.supervisor.unready() == "process 1: it waits; process 2: it waits"
    os.kill(both.pids(2)[0], signal.SIGSTOP)
    wait_until(lambda: not both.progress.acquire(timeout=0.5), SECONDS, "one hangs, so there is no progress")
    assert "process.silent" not in actions(caplog)
    monkeypatch.setattr(child, "MAX_AGE_SECONDS", 0.5)
    wait_until(lambda: "process.silent" in actions(caplog), SECONDS, "it is said that one hangs")
    os.kill(both.pids(2)[0], signal.SIGKILL)
    wait_until(both.starts(1, 2), SECONDS, "it is started again")
    assert both.progress.acquire(timeout=SECONDS)
    assert both.supervisor.unready() == "process 1: it waits"
    both.stop.request()
    assert both.end() == 0, "they were asked before they could listen"


def test_what_ends_at_once_is_started_again_after_longer_and_longer_pauses(
    supervising: Callable[..., Supervising], caplog: pytest.LogCaptureFixture
) -> None:
    """However it ends, as long as the end does not mean that it cannot run."""
    restless = supervising("time.sleep(600) if number == 1 else sys.exit(7)")
    wait_until(restless.starts(1, 4), SECONDS, "it is started again and again")
    ended = [record for record in caplog.records if record.action == "process.ended"]  # type: ignore[attr-defined]
    pauses = [float(record.args[-1]) for record in ended]  # type: ignore[index,arg-type]
    assert {record.number for record in ended} == {2}  # type: ignore[attr-defined]
    assert pauses[0] < pauses[2] < 0.4


@pytest.mark.parametrize(("code", "starts"), [(2, 1), (1, 3)])
def test_processes_that_cannot_run_end_the_supervisor_with_their_code(
    supervising: Callable[..., Supervising], caplog: pytest.LogCaptureFixture, code: int, starts: int
) -> None:
    hopeless = supervising(f"time.sleep(600) if number == 2 else sys.exit({code})")
    assert hopeless.end() == code
    assert len(hopeless.pids(1)) == starts
    assert actions(caplog).count("process.given_up") == 1


def test_what_cannot_run_does_not_end_a_process_that_works(
    supervising: Callable[..., Supervising], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "STEADY_SECONDS", 0.5)
    program = """
if number == 1:
    while True:
        progress(time.sleep(0.1) or "")
if turn == 2:
    sys.exit(2)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
progress()
time.sleep(1 if turn == 1 else 600)
"""
    mixed = supervising(program)
    wait_until(mixed.starts(1, 3), SECONDS, "it is tried again")
    assert mixed.progress.acquire(timeout=SECONDS)
    mixed.stop.request()
    assert mixed.end() == 5, "the highest code"


def test_a_drain_ends_when_all_are_drained_and_starts_only_those_again_that_are_not(
    supervising: Callable[..., Supervising], caplog: pytest.LogCaptureFixture
) -> None:
    drain = supervising("os.kill(os.getpid(), 9) if number == turn == 1 else None", drain=True)
    assert drain.end() == 0
    assert drain.starts(2, 1)()
    assert actions(caplog).count("process.finished") == 2
    assert actions(caplog).count("process.ended") == 1


def test_a_process_that_does_not_stop_in_time_is_killed(
    supervising: Callable[..., Supervising], caplog: pytest.LogCaptureFixture
) -> None:
    deaf = supervising("signal.signal(15, signal.SIG_IGN); progress(); time.sleep(600)", seconds=0.2)
    assert deaf.progress.acquire(timeout=SECONDS)
    deaf.stop.request()
    assert deaf.end() == 3
    assert actions(caplog).count("process.killed") == 2


def test_a_command_that_cannot_be_started_is_tried_again(
    supervising: Callable[..., Supervising], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while a deployment replaces the program."""
    python = sys.executable
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    early = supervising("progress(); time.sleep(600)")
    wait_until(lambda: actions(caplog).count("process.start_failed") >= 4, SECONDS, "it tries again")
    monkeypatch.setattr(sys, "executable", python)
    assert early.progress.acquire(timeout=SECONDS)
