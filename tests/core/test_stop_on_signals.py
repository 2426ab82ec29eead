"""A command that stops when it is asked to, and at once when it is asked again."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from outbox_core.process import stopping
from outbox_core.process.stopping import stop_on_signals


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_the_first_signal_requests_a_stop_and_a_later_one_interrupts(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(stopping, "boottime", lambda: now)
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        now += 0.5
        os.kill(os.getpid(), number)  # of a wrapper that signals the process and then its group
        now += 1.0
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_in_another_thread_signals_are_left_alone() -> None:
    found: list[object] = []

    def run() -> None:
        with stop_on_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert found == [before]
