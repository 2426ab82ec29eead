"""What ends a relay that can no longer end itself: deadlines that pass while the loop hangs."""

from __future__ import annotations

import pytest

from outbox_core.process.clock import boottime
from outbox_core.process.exit_codes import ExitCode
from relay.watchdog import Watchdog
from tests.waiting import wait_until

STATEMENT_SECONDS = 30.0


class Process:
    """A process whose end is only noted."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.unstuck = self.looks = 0
        self.deadline: float | None = None
        self.watchdog = Watchdog(
            lease_deadline=lambda: self.deadline,
            unstick=self._unstick,
            look=self._look,
            statement_seconds=STATEMENT_SECONDS,
            exit_process=self.codes.append,
        )

    def _unstick(self) -> None:
        self.unstuck += 1

    def _look(self) -> None:
        self.looks += 1


@pytest.fixture
def process() -> Process:
    return Process()


def test_a_relay_in_order_is_left_alone(process: Process) -> None:
    now = boottime()
    process.deadline = now + 1
    process.watchdog.check(now)
    assert (process.codes, process.unstuck) == ([], 0)


def test_a_lease_that_runs_out_with_a_wave_in_flight_ends_the_process(process: Process) -> None:
    now = process.deadline = boottime()
    process.watchdog.check(now - 0.001)
    assert process.codes == []
    process.watchdog.check(now)
    assert process.codes == [ExitCode.ERROR]


def test_without_a_wave_in_flight_no_deadline_counts(process: Process) -> None:
    process.deadline = None
    process.watchdog.check(boottime() + STATEMENT_SECONDS)
    assert process.codes == []


def test_a_statement_that_hangs_is_broken_once(process: Process) -> None:
    began = boottime()
    process.watchdog.check(began + STATEMENT_SECONDS - 0.1)
    assert process.unstuck == 0
    process.watchdog.check(began + STATEMENT_SECONDS + 1)
    process.watchdog.check(boottime() + STATEMENT_SECONDS - 1)
    assert process.unstuck == 1


def test_while_a_statement_takes_long_somebody_looks_now_and_then_what_it_waits_for(process: Process) -> None:
    began = boottime()
    process.watchdog.check(began + 1)
    assert process.looks == 0
    for seconds in range(4, 10):
        process.watchdog.check(began + seconds)
    assert process.looks == 2
    assert process.unstuck == 0


def test_when_a_statement_is_broken_nobody_looks_again(process: Process) -> None:
    """What was found before is the reason of the error that follows."""
    began = boottime()
    for seconds in (4, STATEMENT_SECONDS + 1):
        process.watchdog.check(began + seconds)
    assert (process.looks, process.unstuck) == (1, 1)


def test_the_thread_looks_until_it_is_stopped(process: Process) -> None:
    process.deadline = boottime() - 1
    process.watchdog.start()
    try:
        wait_until(lambda: process.codes, 60, "it has looked")
    finally:
        process.watchdog.stop()
        process.watchdog.join(60)
    assert not process.watchdog.is_alive()
    assert process.codes[0] == ExitCode.ERROR
