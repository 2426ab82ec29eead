"""Alarms (SIGALRM) that a handler sets end with it; those of others stay."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, send_steps


@pytest.fixture
def alarms() -> Iterator[list[int]]:
    """SIGALRM that came while no handler ran."""
    came: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: came.append(1))
    of_the_tests = signal.setitimer(signal.ITIMER_REAL, 0)
    yield came
    signal.signal(signal.SIGALRM, before)
    signal.setitimer(signal.ITIMER_REAL, *of_the_tests)


@pytest.mark.parametrize("fails", [False, True], ids=["", "and fails"])
def test_an_alarm_that_a_handler_leaves_ends_with_it(
    consumer: MemoryConsumer, effects: Effects, alarms: list[int], fails: bool
) -> None:
    """As of its own time limit. It would end the process, or be an error of another event."""

    def leave() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        if fails:
            raise ValueError("wrong")

    effects.fails["leave"] = leave
    send_steps(consumer, "a", 1, fail="leave")
    consumer.poll()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not alarms


def test_an_alarm_of_others_is_left_to_them(
    consumer: MemoryConsumer, effects: Effects, alarms: list[int]
) -> None:
    """As of a time limit for tests."""
    signal.setitimer(signal.ITIMER_REAL, 60)
    send_steps(consumer, "a", 1)
    consumer.poll()
    assert effects.of("a") == [1]
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
