"""The time limit of handlers, and of what they leave for later: what hangs is interrupted; else all ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import dedent
from typing import ClassVar

import pytest
from django.db import OperationalError, transaction

import inbox
from inbox.errors import Interrupted
from inbox.handling import running
from inbox.handling.running import Limit
from inbox.models import HeldEvent
from inbox.testing import MemoryConsumer
from outbox_core.process.exit_codes import ExitCode
from outbox_core.wire.event import Handling
from tests.inbox.conftest import Effects, executing, logged, raising, send_steps, undecided


class Rows(inbox.Batch):
    def __init__(self) -> None:
        self.deeds: list[Callable[[], object]] = []

    def write(self) -> None:
        for deed in self.deeds:
            deed()


def in_a_batch(deed: Callable[[], object]) -> Callable[[], object]:
    return lambda: Rows.current().deeds.append(deed)


@pytest.fixture
def limit() -> Iterator[Limit]:
    before = signal.getsignal(running.SIGNAL)
    with (limit := Limit(0.2)).watching():
        yield limit
    signal.signal(running.SIGNAL, before)


def backtrack() -> None:
    """For about 20 seconds no other thread runs."""
    re.match(r"(a+)+$", 30 * "a" + "b")


@pytest.mark.parametrize(
    "hang",
    [lambda: time.sleep(20), in_a_batch(lambda: time.sleep(20)), backtrack],
    ids=["handler", "batch", "no other thread runs"],
)
def test_handler_that_hangs_is_interrupted(
    consumer: MemoryConsumer, effects: Effects, limit: Limit, hang: Callable[[], object]
) -> None:
    effects.fails["hang"] = hang
    began_at = time.monotonic()
    send_steps(consumer, "a", 1, fail="hang")
    send_steps(consumer, "b", 1)
    consumer.poll()
    assert effects.of("b") == [1]
    assert time.monotonic() - began_at < 15
    assert HeldEvent.objects.get().error.startswith("HandlerHung: ")
    assert "INBOX['HANDLER_SECONDS']" in HeldEvent.objects.get().error


@pytest.mark.django_db(transaction=True)
def test_the_statement_of_an_interrupted_handler_ends_on_the_server(effects: Effects, limit: Limit) -> None:
    """It would keep the locks of its transaction, for which the next one waits."""
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails["hang"] = executing("SELECT pg_sleep(60)")
    began_at = time.monotonic()
    send_steps(consumer, "a", 1, fail="hang")
    send_steps(consumer, "b", 1)
    consumer.poll()
    assert effects.of("b") == [1]
    assert time.monotonic() - began_at < 30
    assert HeldEvent.objects.get().error.startswith("HandlerHung: ")


def test_what_an_interrupted_handler_does_to_end_is_not_interrupted(
    consumer: MemoryConsumer, effects: Effects, limit: Limit
) -> None:
    ended: list[bool] = []

    def hang() -> None:
        try:
            time.sleep(20)
        finally:
            signal.raise_signal(running.SIGNAL)  # as the timer of the kernel does, a moment later
            ended.append(True)

    effects.fails["hang"] = hang
    send_steps(consumer, "a", 1, fail="hang")
    send_steps(consumer, "b", 1)
    consumer.poll()
    assert ended
    assert inbox.current_event() is None


def test_an_interrupt_in_the_last_moment_leaves_no_current_event(
    consumer: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Handling, *error: object) -> None:
        raise Interrupted

    send_steps(consumer, "a", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Handling, "__exit__", interrupted)
        consumer.poll()
    assert inbox.current_event() is None


@dataclass
class Checked:
    """A payload with code of its own."""

    number: int
    check: ClassVar[Callable[[], object]] = staticmethod(lambda: None)

    def __post_init__(self) -> None:
        if self.number == 1:
            type(self).check()


@pytest.mark.parametrize("batch", [False, True], ids=["", "batch"])
@pytest.mark.parametrize(
    "check",
    [
        raising(OperationalError("the database is starting up")),
        raising(SystemExit(1)),
        lambda: time.sleep(20),
    ],
    ids=["outage", "exit", "hang"],
)
def test_code_of_a_payload_fails_like_its_handler(
    effects: Effects,
    consumer: MemoryConsumer,
    limit: Limit,
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[], object],
    batch: bool,
) -> None:
    numbers: list[int] = []
    if batch:

        @effects.registry.handler("test.checked", batch=True)
        def many(payloads: list[Checked]) -> None:
            numbers.extend(payload.number for payload in payloads)
    else:

        @effects.registry.handler("test.checked")
        def one(payload: Checked) -> None:
            numbers.append(payload.number)

    consumer.restart()
    monkeypatch.setattr(Checked, "check", staticmethod(check))
    began_at = time.monotonic()
    consumer.send("test.checked", {"number": 1}, key="a")
    consumer.send("test.checked", {"number": 2}, key="b")
    consumer.poll()
    assert numbers == [2]
    assert time.monotonic() - began_at < 15
    assert not undecided().exists(), "it is retried"
    monkeypatch.setattr(Checked, "check", staticmethod(lambda: None))
    consumer.time.now += 61
    consumer.drain()
    assert numbers == [2, 1]
    assert not HeldEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_function_of_on_commit_that_hangs_is_interrupted(
    effects: Effects, limit: Limit, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails["hang"] = lambda: transaction.on_commit(lambda: time.sleep(20))
    began_at = time.monotonic()
    send_steps(consumer, "a", 1, fail="hang")
    send_steps(consumer, "a", 2)
    consumer.poll()
    assert effects.of("a") == [1, 2]
    assert time.monotonic() - began_at < 15
    (line,) = logged(caplog, "on_commit_failed")
    assert "INBOX['HANDLER_SECONDS']" in line.getMessage()


@pytest.mark.parametrize("error", [SystemExit(1), GeneratorExit()], ids=repr)
def test_batch_that_leaves_is_an_error_of_its_event(
    consumer: MemoryConsumer, effects: Effects, error: BaseException
) -> None:
    effects.fails["leave"] = in_a_batch(raising(error))
    send_steps(consumer, "a", 1, fail="leave")
    send_steps(consumer, "b", 1)
    consumer.poll()
    assert effects.of("b") == [1]
    held = HeldEvent.objects.get()
    assert held.error.startswith("HandlerLeft: ")
    assert held.handler.endswith("Effects.step")


@pytest.mark.parametrize(("busy", "interrupted"), [(0.0, []), (100.0, [signal.SIGVTALRM])])
def test_time_in_which_the_whole_process_was_frozen_is_not_the_handlers(
    monkeypatch: pytest.MonkeyPatch, busy: float, interrupted: list[int]
) -> None:
    """After SIGSTOP the clock has gone on. Code that lets no other thread run takes CPU time."""
    event = inbox.Event(
        id="1", source="/test", type="test.step", time=datetime.now(UTC), topic="test", partition=0, offset=0
    )
    handler = next(iter(Effects().registry))
    now, cpu, sent = [0.0], [0.0], list[int]()
    monkeypatch.setattr(signal, "pthread_kill", lambda thread, number: sent.append(number))
    monkeypatch.setattr(running, "current", running.Call(handler, event, time.monotonic() - 100))
    limit = Limit(95.0, sent.append, clock=lambda: now[0], cpu=lambda: cpu[0])
    now[0], cpu[0] = 100.0, busy
    limit.tick()
    assert sent == interrupted
    now[0] += 1.0
    limit.tick()
    assert sent == interrupted
    monkeypatch.setattr(running, "current", running.Call(handler, event, time.monotonic() - 100))
    now[0] += 1.0
    limit.tick()
    assert sent == [*interrupted, signal.SIGVTALRM], "the next call hangs"


def test_what_follows_a_failure_is_not_interrupted(
    consumer: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is over when its handler has failed, not when the failure has been looked at."""
    calls: list[running.Call | None] = []
    as_error = running.as_error

    def look(error: BaseException, call: running.Call) -> Exception:
        calls.append(running.current)
        return as_error(error, call)

    monkeypatch.setattr(running, "as_error", look)
    effects.fails["fail"] = raising(ValueError())
    send_steps(consumer, "a", 1, fail="fail")
    consumer.poll()
    assert calls
    assert set(calls) == {None}


@pytest.mark.integration
def test_nothing_is_interrupted_when_the_process_ends() -> None:
    """Python gives signals back to the system before it deletes what is left."""
    program = """
        import time
        from inbox.handling.running import Limit

        class Long:
            def __del__(self):
                until = time.process_time() + 0.5
                while time.process_time() < until:
                    pass

        left = Long()
        with Limit(0.2).watching():
            pass
    """
    assert subprocess.run([sys.executable, "-c", dedent(program)]).returncode == 0


def test_handler_that_cannot_be_interrupted_ends_the_process(
    consumer: MemoryConsumer, effects: Effects, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    limit = Limit(0.01, codes.append)
    monkey = signal.signal(signal.SIGVTALRM, lambda *_: None)

    def hang() -> None:
        time.sleep(0.05)
        limit.check()
        limit.grace = 0.0
        limit.check()

    try:
        effects.fails["hang"] = hang
        send_steps(consumer, "a", 1, fail="hang")
        consumer.poll()
    finally:
        signal.signal(signal.SIGVTALRM, monkey)
    assert codes == [ExitCode.HANDLER_STUCK]
    assert "Effects.step with test.step a-1 (test/0 offset 0)" in capsys.readouterr().err
