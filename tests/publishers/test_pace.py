"""How the size of a wave follows the speed of the link."""

from __future__ import annotations

import pytest

from relay.pace import Pace

SECONDS = 20.0
FIRST_BYTES = Pace(SECONDS).bytes


def run(pace: Pace, speed: float, *, waves: int, latency: float = 0.0) -> list[float]:
    """The seconds that each wave takes over a link of so many bytes a second."""
    taken = []
    for _ in range(waves):
        sent = pace.bytes
        seconds = latency + sent / speed
        if seconds > SECONDS:
            pace.late(sent)
        else:
            pace.arrived(sent, seconds)
        taken.append(seconds)
    return taken


def test_a_fast_link_is_at_full_size_after_four_waves() -> None:
    pace = Pace(SECONDS)
    run(pace, 100e6, waves=4)
    assert pace.bytes > 10_000_000


@pytest.mark.parametrize("speed", [3e3, 10e3, 30e3, 100e3, 1e6])
def test_no_wave_is_late_on_a_link_that_stays_slow(speed: float) -> None:
    taken = run(Pace(SECONDS), speed, waves=50)
    assert max(taken) < SECONDS / 2
    assert taken[-1] > 1.0


@pytest.mark.parametrize("speed", [100.0, 500.0, 1e3, 3e3, 30e3])
def test_a_link_that_becomes_slow_costs_few_late_waves(speed: float) -> None:
    pace = Pace(SECONDS)
    run(pace, 100e6, waves=6)
    taken = run(pace, speed, waves=30)
    assert sum(seconds > SECONDS for seconds in taken) <= 3
    assert max(taken[5:]) <= SECONDS
    run(pace, 100e6, waves=20)
    assert pace.bytes > 10_000_000


@pytest.mark.parametrize("limit", [30_000, 1_000_000])
def test_a_size_that_is_never_taken_is_tried_less_and_less(limit: int) -> None:
    """A broker closes the connection for a larger request (``socket.request.max.bytes``)."""
    pace, late = Pace(SECONDS), 0
    for _ in range(5_000):
        if pace.bytes > limit:
            late += 1
            pace.late(pace.bytes)
        else:
            pace.arrived(pace.bytes, 0.01)
    assert late < 14
    assert pace.bytes > limit / 4


def test_latency_alone_does_not_make_waves_smaller() -> None:
    pace = Pace(SECONDS)
    run(pace, 1e9, waves=20, latency=4.0)
    assert pace.bytes >= FIRST_BYTES
    run(pace, 1e9, waves=20, latency=1.0)
    assert pace.bytes > 1_000_000


@pytest.mark.parametrize("latency", [11.0, 15.0, 18.0])
def test_a_broker_that_takes_long_whatever_the_size_is_sent_much(latency: float) -> None:
    """Waves that shrink to one record each would never catch up."""
    pace = Pace(SECONDS)
    run(pace, 100e6, waves=6)
    taken = run(pace, 1e6, waves=40, latency=latency)
    assert pace.bytes > 200_000
    assert sum(seconds > SECONDS for seconds in taken) <= 1


@pytest.mark.parametrize("seconds", [11.0, 15.0, 19.0])
def test_a_link_that_carries_one_record_in_time_is_tried_with_two_once(seconds: float) -> None:
    """Records of 1 kB, of which each wave has one at least."""
    pace, late = Pace(SECONDS), 0
    for _ in range(100):
        records = max(1, pace.bytes // 1_000)
        if records * seconds > SECONDS:
            late += 1
            pace.late(records * 1_000)
        else:
            pace.arrived(records * 1_000, records * seconds)
    assert late <= 4


def test_small_waves_say_nothing_against_large_ones() -> None:
    pace = Pace(SECONDS)
    run(pace, 100e6, waves=6)
    before = pace.bytes
    pace.arrived(100, 0.01)
    assert pace.bytes == before


def test_a_late_wave_asks_for_patience_until_many_have_done_well() -> None:
    pace = Pace(SECONDS)
    pace.late(FIRST_BYTES)
    assert pace.is_slow
    run(pace, 100e6, waves=9)
    assert pace.is_slow
    run(pace, 100e6, waves=1)
    assert not pace.is_slow
