"""A call as a handler is called, without a consumer."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from inbox.handling import running


@pytest.fixture(autouse=True)
def without_alarm() -> Iterator[None]:
    of_the_tests = signal.setitimer(signal.ITIMER_REAL, 0)
    yield
    signal.setitimer(signal.ITIMER_REAL, *of_the_tests)


def here(do: Callable[[], None]) -> None:
    do()


def in_another_thread(do: Callable[[], None]) -> None:
    (thread := Thread(target=do)).start()
    thread.join()


@pytest.mark.parametrize(("where", "is_left"), [(here, False), (in_another_thread, True)])
def test_an_alarm_ends_with_its_call_in_the_main_thread(
    where: Callable[[Callable[[], None]], None], is_left: bool
) -> None:
    """Signals arrive there only, so that an alarm is none of a call elsewhere."""

    def call() -> None:
        running.begin()
        running.run_function(lambda: signal.setitimer(signal.ITIMER_REAL, 60))

    where(call)
    assert any(signal.getitimer(signal.ITIMER_REAL)) is is_left


def test_each_batch_looks_for_alarms_of_others() -> None:
    signal.setitimer(signal.ITIMER_REAL, 60)
    running.begin()
    running.run_function(lambda: None)
    assert any(signal.getitimer(signal.ITIMER_REAL))
    signal.setitimer(signal.ITIMER_REAL, 0)
    running.begin()
    running.run_function(lambda: signal.setitimer(signal.ITIMER_REAL, 60))
    assert not any(signal.getitimer(signal.ITIMER_REAL))
