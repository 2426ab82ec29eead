"""A process of a server, and waiting for its first answer."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from devstack.errors import DevstackError
from devstack.process import Process

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process("a server", SLEEP, log=tmp_path / "log", last_signal=signal.SIGKILL)


def test_one_answer_is_enough(process: Process) -> None:
    """A broker whose quorum is only forming answers, and a moment later does not."""
    answers = iter([False, True])
    try:
        process.await_answer(lambda: next(answers, False), timeout=10)
    finally:
        process.kill()


def test_no_answer_is_told(process: Process) -> None:
    try:
        with pytest.raises(DevstackError, match="a server does not answer after 0 s"):
            process.await_answer(lambda: False, timeout=0.1)
    finally:
        process.kill()
