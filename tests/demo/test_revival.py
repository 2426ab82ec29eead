"""What a person kills while the example runs is started again."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import revival
from demo.child import Child
from demo.errors import ProcessEnded
from demo.processes import Processes
from demo.revival import Revival
from tests.waiting import wait_until

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]
AT_ONCE = [sys.executable, "-c", "raise SystemExit(1)"]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path, {}) as made:
        yield made


def ended(child: Child) -> None:
    wait_until(lambda: child.exit_code is not None, 60, f"{child.name} ends")


def test_a_process_that_is_killed_is_started_again_at_once(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revival, "TOO_SOON_SECONDS", 0.0)
    lines = list[str]()
    child = processes.start("relay", FOREVER, lasting=True)
    os.kill(child.pid, signal.SIGKILL)
    ended(child)
    Revival(processes, lines.append).look()
    assert processes.running["relay"].pid != child.pid
    assert len(lines) == 1
    assert "SIGKILL" in lines[0]


def test_one_that_ends_at_once_is_started_again_after_a_pause_and_given_up_in_the_end(
    processes: Processes,
) -> None:
    lines = list[str]()
    revived = Revival(processes, lines.append, patience=1.0)
    ended(processes.start("relay", AT_ONCE, lasting=True))
    revived.look()
    assert lines == [], "it is not started again before its pause is over"
    with pytest.raises(ProcessEnded, match="relay keeps ending"):
        wait_until(revived.look, 60, "it is given up")
    assert lines


def test_work_that_is_done_is_not_started_again(processes: Processes) -> None:
    child = processes.start("trickle", [sys.executable, "-c", ""], lasting=True)
    ended(child)
    assert processes.forget_if_done("trickle")
    assert not processes.ended()
    assert not processes.forget_if_done("trickle")


def test_work_that_fails_is_started_again(processes: Processes) -> None:
    child = processes.start("trickle", AT_ONCE, lasting=True)
    ended(child)
    assert not processes.forget_if_done("trickle")
    assert processes.ended() == [child]
