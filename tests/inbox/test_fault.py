"""Whose fault is it? One key that always fails, in any disguise, stops no other key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg.errors
import pytest
from django.db import OperationalError, connection
from django.db.utils import DatabaseErrorWrapper

import inbox
from inbox.models import HeldEvent
from inbox.testing import MemoryConsumer, SkippedTime
from tests.inbox.conftest import Effects, executing, raising, send_steps, undecided


def state(error: type[psycopg.Error]) -> Callable[[], object]:
    def run() -> None:
        with DatabaseErrorWrapper(connection):
            raise error("simulated")

    return run


def endless() -> None:
    endless()


def raised_from_itself() -> None:
    error = ValueError("wrong")
    raise error from error


class Speechless(Exception):
    """An error that cannot be printed, such as one whose arguments are missing."""

    def __str__(self) -> str:
        raise IndexError("no arguments")


class Foreign(Exception):
    """An error of another library, whose attributes mean something else."""

    sqlstate = 1205


class Guarded(Exception):
    """An error with an attribute that cannot be read."""

    @property
    def sqlstate(self) -> str:
        raise RuntimeError("no state")


DISGUISES: dict[str, Callable[[], object]] = {
    "a bug": raising(KeyError("x")),
    "currval before nextval": executing("CREATE TEMP SEQUENCE s; SELECT currval('s')"),
    "statement_timeout": executing("SET LOCAL statement_timeout = 20; SELECT pg_sleep(1)"),
    "always a deadlock": state(psycopg.errors.DeadlockDetected),
    "always a serialization failure": state(psycopg.errors.SerializationFailure),
    "out of memory, of the server": state(psycopg.errors.OutOfMemory),
    "idle for too long": state(psycopg.errors.IdleInTransactionSessionTimeout),
    "a lost connection, raised by hand": raising(OperationalError("gone")),
    "one customer's webhook times out": raising(TimeoutError()),
    "one customer's webhook refuses": raising(ConnectionRefusedError()),
    "memory": raising(MemoryError()),
    "recursion": endless,
    "raised from itself": raised_from_itself,
    "speechless": raising(Speechless()),
    "foreign": raising(Foreign()),
    "guarded": raising(Guarded()),
    "exit": raising(SystemExit(1)),
    "generator": raising(GeneratorExit()),
    "cancelled": raising(asyncio.CancelledError()),
}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES.keys())
def test_one_key_that_fails_in_any_disguise_stops_no_other(
    consumer: MemoryConsumer, effects: Effects, disguise: Callable[[], object]
) -> None:
    effects.fails["poison"] = disguise
    for number in range(4):
        send_steps(consumer, "good", number)
        send_steps(consumer, "bad", number, fail="" if number % 2 else "poison")
    consumer.poll()
    assert effects.of("good") == [0, 1, 2, 3], "nobody has to wait for a retry"
    for number in range(4, 12):
        send_steps(consumer, "good", number)
        consumer.time.now += 61
        consumer.poll()
    assert effects.of("good") == list(range(12))
    assert effects.of("bad") == []
    row = undecided().get()
    assert (row.event_id, row.attempts) == ("bad-0", 3)
    assert effects.calls.count(("bad", 0)) <= 8, "effects outside of the database are bounded"
    effects.fails.clear()
    HeldEvent.objects.all().release()
    consumer.drain()
    assert effects.of("bad") == [0, 1, 2, 3]


def test_retry_later_is_never_given_up_and_stops_nobody(consumer: MemoryConsumer, effects: Effects) -> None:
    effects.fails["later"] = raising(inbox.RetryLater("rates"))
    send_steps(consumer, "a", 0, fail="later")
    for number in range(30):
        send_steps(consumer, "b", number)
        consumer.time.now += 61
        consumer.poll()
    assert effects.of("b") == list(range(30))
    assert not undecided().exists()
    effects.fails.clear()
    consumer.drain()
    assert effects.of("a") == [0]


def test_handler_that_is_out_does_not_stop_the_others(consumer: MemoryConsumer, effects: Effects) -> None:
    """A webhook that only one handler calls is away: events of the other go on, and nothing is left held."""
    failing = True
    called: list[int] = []

    @effects.registry.handler("test.webhook")
    def call_webhook(event: inbox.Event) -> None:
        if failing:
            raise ConnectionRefusedError
        called.append(event.offset)

    consumer.restart()
    for number in range(20):
        consumer.send("test.webhook", {}, key=f"w{number}")
        send_steps(consumer, f"k{number}", 1)
    consumer.poll()
    assert all(effects.of(f"k{number}") == [1] for number in range(20))
    for _ in range(5):
        consumer.retry()
    assert not undecided().exists()
    failing = False
    consumer.drain()
    assert sorted(called) == list(range(0, 40, 2))
    assert not HeldEvent.objects.exists()


def test_many_keys_that_fail_are_judged_by_those_that_do_not(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    effects.fails["poison"] = raising(ConnectionError())
    for number in range(10):
        send_steps(consumer, f"bad{number}", 1, fail="poison")
    for number in range(10):
        send_steps(consumer, f"good{number}", 1)
    consumer.poll()
    assert all(effects.of(f"good{number}") == [1] for number in range(10))
    for number in range(2, 9):
        send_steps(consumer, "good", number)
        consumer.time.now += 61
        consumer.poll()
    assert undecided().count() == 10


def test_keys_that_come_while_every_other_one_fails_are_handled(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    """Three poison events in a quiet hour look like an outage. They must not stop what comes later."""
    effects.fails["poison"] = raising(ValueError())
    for number in range(5):
        send_steps(consumer, f"bad{number}", 1, fail="poison")

    def send_later(seconds: float) -> None:
        SkippedTime.wait(consumer.time, seconds)
        if consumer.time.sleeps == 40:
            send_steps(consumer, "good", 1, 2)

    consumer.time = replaced = SkippedTime(stop_after=400)
    replaced.wait = send_later  # type: ignore[method-assign]
    consumer.restart()
    consumer.poll()
    assert effects.of("good") == [1, 2]
    for _ in range(5):
        send_steps(consumer, "good", *range(len(effects.of("good")) + 1, len(effects.of("good")) + 9))
        consumer.retry()
    assert undecided().count() == 5


def test_a_held_event_that_succeeds_ends_the_wait(consumer: MemoryConsumer, effects: Effects) -> None:
    """A person has corrected what the first one needs: it is tried while the others go on to fail."""
    effects.fails |= {name: raising(ValueError()) for name in ("first", "others")}
    send_steps(consumer, "first", 1, fail="first")
    for number in range(5):
        send_steps(consumer, f"bad{number}", 1, fail="others")

    def correct_later(seconds: float) -> None:
        SkippedTime.wait(consumer.time, seconds)
        if consumer.time.sleeps == 40:
            del effects.fails["first"]

    consumer.time = replaced = SkippedTime(stop_after=400)
    replaced.wait = correct_later  # type: ignore[method-assign]
    consumer.restart()
    consumer.poll()
    assert effects.of("first") == [1]


def test_consumer_of_tests_raises_what_a_handler_raises(effects: Effects, db: None) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry)
    effects.fails["poison"] = raising(KeyError("x"))
    send_steps(consumer, "a", 1, fail="poison")
    with pytest.raises(KeyError):
        consumer.drain()
