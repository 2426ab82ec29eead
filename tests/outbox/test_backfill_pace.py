"""How fast a backfill goes, by a clock of the test's own."""

from __future__ import annotations

import pytest

from outbox.operations.backfill.pace import Pace


class Clock:
    """A clock whose waiting takes no time; it is the stop token, too."""

    def __init__(self) -> None:
        self.now = 100.0
        self.stops_at = float("inf")

    @property
    def requested(self) -> bool:
        return self.now >= self.stops_at

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def pace_of(clock: Clock, ages: list[float], said: list[str], *, rate: float = 100) -> Pace:
    return Pace(
        using="default",
        rate=rate,
        max_age=30,
        stop=clock,
        clock=clock,
        tell=said.append,
        age=lambda _: ages.pop(0) if len(ages) > 1 else ages[0],
    )


def test_a_chunk_takes_its_share_of_a_second() -> None:
    clock, said = Clock(), list[str]()
    paced = pace_of(clock, [0.0], said)
    for _ in range(4):
        paced.wait()
        clock.now += 0.2  # at work
        paced.took(50)
    assert clock.now == pytest.approx(100 + 3 * 0.5 + 0.2)
    assert not said


def test_it_pauses_while_events_wait_for_long() -> None:
    clock, said = Clock(), list[str]()
    paced = pace_of(clock, [31.0, 40.0, 3.0], said)
    paced.wait()
    assert clock.now == 102.0
    assert len(said) == 2
    assert "--max-pending-age" in said[0]


def test_a_stop_ends_the_pause() -> None:
    clock, said = Clock(), list[str]()
    clock.stops_at = 105.0
    pace_of(clock, [31.0], said).wait()
    assert clock.now == 105.0
    assert len(said) == 1
