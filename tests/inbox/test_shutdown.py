"""A consumer that is forced to end says so, as nothing else can tell that from a crash."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from inbox.shutdown import SIGNALS, Shutdown
from tests.waiting import wait_until


@pytest.fixture
def codes() -> Iterator[list[int]]:
    """The exit codes that would have ended the process."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    yield []
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("seconds", "signals", "why"),
    [
        (0.01, 1, "The shutdown did not finish in time"),
        (30.0, 2, "A second signal forces the end"),
    ],
)
def test_forced_end_is_told(
    codes: list[int], capfd: pytest.CaptureFixture[str], seconds: float, signals: int, why: str
) -> None:
    shutdown = Shutdown(seconds, leave=codes.append)
    shutdown.install()
    for _ in range(signals):
        os.kill(os.getpid(), signal.SIGTERM)
    wait_until(lambda: codes, 5, "it leaves")
    assert codes == [3]
    assert capfd.readouterr().err == f"inbox: {why}; what was in hand comes again.\n"
