"""The pause between two polls."""

from __future__ import annotations

import pytest

from relay.polling import SHORTEST_SECONDS, Polling


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def polls(polling: Polling, clock: Clock, seconds: float) -> list[float]:
    """The pauses of polls that find nothing for so many seconds."""
    pauses, until = [], clock.now + seconds
    while clock.now < until:
        pauses.append(polling.pause(busy=False, more=False))
        clock.now += pauses[-1]
    return pauses


def test_there_is_none_while_more_is_waiting() -> None:
    assert Polling(0.25).pause(busy=True, more=True) == 0.0


def test_there_is_one_if_what_is_waiting_cannot_be_published_now() -> None:
    assert Polling(0.25).pause(busy=False, more=True) > 0.0


def test_it_is_short_just_after_an_event_and_grows_to_the_longest() -> None:
    clock = Clock()
    polling = Polling(0.25, clock)
    assert polling.pause(busy=True, more=False) == SHORTEST_SECONDS
    pauses = polls(polling, clock, 60.0)
    assert pauses == sorted(pauses)
    assert pauses[0] == SHORTEST_SECONDS
    assert pauses[-1] == 0.25
    assert len(pauses) < 60.0 / 0.25 + 60
    assert polling.pause(busy=True, more=False) == SHORTEST_SECONDS


@pytest.mark.parametrize("every", [0.02, 0.05, 0.2])
def test_an_event_waits_for_a_tenth_of_the_silence_at_most(every: float) -> None:
    clock = Clock()
    polling = Polling(0.25, clock)
    polling.pause(busy=True, more=False)
    assert max(polls(polling, clock, every)) <= max(SHORTEST_SECONDS, every * 0.1)


def test_it_is_never_longer_than_the_setting() -> None:
    clock = Clock()
    assert set(polls(Polling(0.001, clock), clock, 1.0)) == {0.001}
