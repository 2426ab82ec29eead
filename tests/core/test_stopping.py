"""One wish to stop, however many signals express it; a later one forces the end, and so does time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from outbox_core.process.stopping import ONE_WISH_SECONDS, StopToken

PROCESS = """
import signal, sys, threading
from outbox_core.process import stopping
kind, seconds, stopping.ONE_WISH_SECONDS = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
stop = stopping.StopToken()
signals = stopping.StopSignals("relay", stop, seconds=seconds)
signals.install(timeout=float(sys.argv[4]) if len(sys.argv) > 4 else None)
def obedient():
    while not stop.wait(60):
        pass
    print("asked", flush=True)
    sys.stdin.readline()
    signals.ignore()
    print("over", flush=True)
    sys.stdin.readline()
def deaf():
    threading.Thread(target=lambda: stop.wait(600) and print("asked", flush=True), daemon=True).start()
    lock = threading.Lock()
    lock.acquire()
    while True:
        lock.acquire()
def robbed():
    signal.set_wakeup_fd(-1)
    print("robbed", flush=True)
    obedient()
print("ready", flush=True)
locals()[kind]()
"""
LONG = 60.0
NEVER = 600.0
"""Seconds after which a test has given up long ago."""
MOMENT = 0.2
"""Seconds for what is not to happen."""


class Process:
    """One that is ``obedient`` and says how far it is, or ``deaf``: its main thread is stuck. It may take
    ``seconds`` to stop, and takes signals within ``wish`` for one; ``timeout`` is that of a drain.
    """

    def __init__(
        self, kind: str, *, seconds: float = NEVER, wish: float = NEVER, timeout: float = 0.0
    ) -> None:
        arguments = [kind, seconds, wish, *([timeout] if timeout else [])]
        self._popen = subprocess.Popen(
            [sys.executable, "-c", PROCESS, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.says("ready")

    def says(self, word: str) -> None:
        """Wait until it does."""
        assert self._popen.stdout is not None
        assert self._popen.stdout.readline() == f"{word}\n"

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def let_on(self) -> None:
        """It waits for that twice when it has been asked to stop."""
        assert self._popen.stdin is not None
        self._popen.stdin.write("\n")
        self._popen.stdin.flush()

    def code(self) -> int:
        """Its exit code, once it has ended."""
        return self._popen.wait(LONG)

    def is_running(self) -> bool:
        """Whether it runs, and will for a moment."""
        try:
            self._popen.wait(MOMENT)
        except subprocess.TimeoutExpired:
            return True
        return False

    def last_words(self) -> str:
        return self._popen.communicate(timeout=LONG)[1]

    def kill(self) -> None:
        self._popen.kill()
        self._popen.communicate()


Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes; those that a test leaves behind are killed."""
    with ExitStack() as stack:

        def start(kind: str, **options: float) -> Process:
            process = Process(kind, **options)
            stack.callback(process.kill)
            return process

        yield start


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGTERM],
        [signal.SIGINT],
        [signal.SIGTERM, signal.SIGTERM],
        [signal.SIGINT, signal.SIGTERM],
        [signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGINT],
    ],
    ids=lambda numbers: "+".join(number.name for number in numbers),
)
@pytest.mark.parametrize("apart", [0.0, 0.002, 0.2])
def test_signals_within_a_second_are_one_wish(
    start: Start, numbers: list[signal.Signals], apart: float
) -> None:
    """A second that lasts longer here, so that a busy machine cannot miss it."""
    process = start("obedient")
    for number in numbers:
        process.send(number)
        time.sleep(apart)
    process.says("asked")
    assert process.is_running()
    process.let_on()
    process.says("over")
    process.let_on()
    assert process.code() == 0


def test_what_counts_as_one_wish_is_a_second() -> None:
    assert ONE_WISH_SECONDS == 1.0


def test_a_signal_that_comes_when_all_is_over_changes_no_exit_code(start: Start) -> None:
    process = start("obedient", wish=0.0)
    process.send(signal.SIGTERM)
    process.says("asked")
    process.let_on()
    process.says("over")
    process.send(signal.SIGTERM)
    assert process.is_running()
    process.let_on()
    assert process.code() == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_later_signal_forces_the_end(start: Start, second: signal.Signals) -> None:
    process = start("deaf", wish=0.1)
    process.send(signal.SIGTERM)
    process.says("asked")
    assert process.is_running()
    process.send(second)
    assert process.code() == 3
    assert process.last_words().startswith("relay: ")


def test_a_process_that_is_stuck_ends_when_its_time_is_over(start: Start) -> None:
    process = start("deaf", seconds=0.5)
    process.send(signal.SIGINT)
    assert process.code() == 3


def test_a_process_whose_wake_up_a_library_took_still_stops(start: Start) -> None:
    """As the loop of asyncio does when it ends, if it had handlers of signals."""
    process = start("robbed", wish=0.0)
    process.says("robbed")
    process.send(signal.SIGTERM)
    process.says("asked")
    process.let_on()
    process.says("over")
    process.let_on()
    assert process.code() == 0


def test_a_timeout_asks_to_stop(start: Start) -> None:
    process = start("obedient", timeout=0.2)
    process.says("asked")
    process.let_on()
    process.says("over")
    process.let_on()
    assert process.code() == 0


def test_a_timeout_forces_the_end_of_what_does_not_stop(start: Start) -> None:
    assert start("deaf", seconds=0.5, timeout=0.2).code() == 4


@pytest.mark.parametrize("timeout", [2_592_000.0, 1e300])
def test_a_timeout_of_a_month_or_more_takes_no_signal_away(start: Start, timeout: float) -> None:
    """A socket takes at most 24 days."""
    process = start("obedient", timeout=timeout)
    process.send(signal.SIGTERM)
    process.says("asked")
    process.let_on()
    process.says("over")
    process.let_on()
    assert process.code() == 0


def test_everybody_who_waits_is_woken() -> None:
    stop = StopToken()
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(30))) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.request()
    for thread in threads:
        thread.join(LONG)
    assert woken == [True] * 3
    assert stop.wait(30)


def test_without_a_request_a_wait_lasts() -> None:
    assert not StopToken().wait(0.01)


HAMMERED = """
import signal
from outbox_core.process.stopping import StopToken
for round in range(400):
    stop = StopToken()
    signal.signal(signal.SIGALRM, lambda *_: stop.request())
    signal.setitimer(signal.ITIMER_REAL, 0.0005 + round % 7 * 0.00013, 0)
    while not stop.wait(0.0002):
        pass
"""


def test_a_request_in_a_signal_handler_is_noted_at_any_moment_and_hangs_nobody() -> None:
    subprocess.run([sys.executable, "-c", HAMMERED], check=True, timeout=60)
