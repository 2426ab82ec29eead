"""One wish to stop, however many signals express it; a later one forces the end, and so does time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from outbox_core.process.stopping import StopToken

PROCESS = """
import sys, time
from outbox_core.process.stopping import StopSignals, StopToken
stop = StopToken()
signals = StopSignals("relay", stop, seconds=float(sys.argv[1]))
signals.install(timeout=float(sys.argv[3]) if len(sys.argv) > 3 else None)
print("ready", flush=True)
def obedient():
    while not stop.wait(60):
        pass
    print("asked", flush=True)
    time.sleep(0.5)
def deaf():
    import threading
    lock = threading.Lock()
    lock.acquire()
    while True:
        lock.acquire()
locals()[sys.argv[2]]()
signals.ignore()
time.sleep(0.3)
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that stops when asked, or one whose main thread is stuck."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROCESS, *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


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
    process = start(30, "obedient")
    for number in numbers:
        process.send_signal(number)
        time.sleep(apart)
    assert process.wait(10) == 0


def test_a_signal_that_comes_when_all_is_over_changes_no_exit_code(start: Start) -> None:
    process = start(30, "obedient")
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    time.sleep(0.6)  # it is about to end by itself
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_later_signal_forces_the_end(start: Start, second: signal.Signals) -> None:
    process = start(30, "deaf")
    process.send_signal(signal.SIGTERM)
    time.sleep(1.3)
    assert process.poll() is None
    process.send_signal(second)
    assert process.wait(10) == 3
    assert process.stderr is not None
    assert process.stderr.read().startswith("relay: ")


def test_a_process_that_is_stuck_ends_when_its_time_is_over(start: Start) -> None:
    process = start(0.5, "deaf")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 3


@pytest.mark.parametrize(("kind", "code"), [("obedient", 0), ("deaf", 4)])
def test_a_timeout_asks_to_stop_and_then_forces_the_end(start: Start, kind: str, code: int) -> None:
    process = start(0.5 if kind == "deaf" else 30, kind, 0.2)
    assert process.wait(10) == code


def test_everybody_who_waits_is_woken() -> None:
    stop = StopToken()
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(30))) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.request()
    for thread in threads:
        thread.join(5)
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
