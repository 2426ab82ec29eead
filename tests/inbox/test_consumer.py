"""The loop: waiting in place while nothing succeeds; crashes, rebalances, Kafka going away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError

from inbox import RetryLater
from inbox.errors import SourceUnavailable
from inbox.models import HeldEvent, Instance
from inbox.models.held_queries import HeldEventQuerySet
from inbox.models.instance import InstanceQuerySet
from inbox.testing import MemoryConsumer, SkippedTime
from tests.inbox.conftest import Effects, raising, send_steps

Make = Callable[..., MemoryConsumer]


class Recovering:
    """Fails so many times, and is well then."""

    def __init__(self, error: Exception, times: int) -> None:
        self._error, self.left = error, times

    def __call__(self) -> None:
        if self.left:
            self.left -= 1
            raise self._error


ERRORS = [
    RetryLater("rates are not there yet"),
    OperationalError("gone"),
    ConnectionRefusedError("no mail server"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_an_outage_may_cause_is_tried_again_until_it_succeeds(
    consumer: MemoryConsumer, effects: Effects, error: Exception
) -> None:
    effects.fails["wait"] = Recovering(error, 12)
    send_steps(consumer, "a", 1)
    send_steps(consumer, "a", 2, fail="wait")
    send_steps(consumer, "a", 3)
    consumer.drain()
    assert effects.of("a") == [1, 2, 3]
    assert not HeldEvent.objects.exists()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_outage_holds_little_and_leaves_nothing(
    consumer: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """Several keys fail in a row and none succeeds: it waits in place."""
    caplog.set_level(logging.INFO, "inbox")
    recovering = effects.fails["wait"] = Recovering(error, 60)
    most = 0

    def watch(seconds: float) -> None:
        nonlocal most
        most = max(most, HeldEvent.objects.count())
        SkippedTime.wait(consumer.time, seconds)

    consumer.time.wait = watch  # type: ignore[method-assign]
    for number in range(30):
        send_steps(consumer, f"k{number}", 1, 2, fail="wait")
    consumer.drain()
    assert recovering.left == 0
    assert 0 < most <= 4, "three keys are held before it is known to be an outage, and what waits behind them"
    assert all(effects.of(f"k{number}") == [1, 2] for number in range(30))
    assert not HeldEvent.objects.exists()
    assert actions(caplog, "degraded", "recovered") == ["inbox.degraded", "inbox.recovered"]
    assert actions(caplog, "hold_made").count("inbox.hold_made") <= 3


def actions(caplog: pytest.LogCaptureFixture, *names: str) -> list[str]:
    found = [getattr(record, "action", "") for record in caplog.records]
    return [action for action in found if action.removeprefix("inbox.") in names]


def test_a_refused_hold_is_waited_for_and_logged(
    consumer: MemoryConsumer,
    effects: Effects,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a role may not write to the table: no event's fault, and nothing that passes by itself."""
    caplog.set_level(logging.INFO, "inbox")
    effects.fails["poison"] = raising(ValueError("poison"))
    refused = Recovering(ProgrammingError("permission denied for table inbox_held"), 5)
    hold = HeldEventQuerySet.hold

    def hold_if_allowed(*arguments: Any, **options: Any) -> None:
        refused()
        hold(*arguments, **options)

    monkeypatch.setattr(HeldEventQuerySet, "hold", hold_if_allowed)
    send_steps(consumer, "a", 1, fail="poison")
    consumer.drain()
    told = [r.action for r in caplog.records]  # type: ignore[attr-defined]
    assert told[:2] == ["inbox.degraded", "inbox.recovered"]
    assert [row.event_id for row in HeldEvent.objects.waiting()] == ["a-1"]


def test_heartbeat_says_what_is_waited_for(consume: Make, effects: Effects) -> None:
    consumer = consume(SkippedTime(stop_after=20))
    effects.fails["wait"] = raising(RetryLater("rates"))
    for key in "abcd":
        send_steps(consumer, key, 1, fail="wait")
    consumer.drain()
    instance = Instance.objects.get()
    assert (instance.consumer, instance.state) == ("test", "waiting")
    assert instance.detail == "handler tests.inbox.conftest.Effects.step: RetryLater: rates"


def test_heartbeat_counts(consumer: MemoryConsumer, effects: Effects) -> None:
    send_steps(consumer, "a", 1, 2)
    consumer.drain()
    send_steps(consumer, "a", 3)
    consumer.time.now += 10
    consumer.consumer.tick()
    first = Instance.objects.get()
    assert (first.handled, first.partitions, first.state) == (2, 1, "running")
    assert first.progress_at is not None


def test_stop_lets_a_waiting_event_be_delivered_again(consume: Make, effects: Effects) -> None:
    consumer = consume(SkippedTime(stop_after=10))
    effects.fails["wait"] = raising(RetryLater())
    send_steps(consumer, "a", 1)
    for key in "bcde":
        send_steps(consumer, key, 2, fail="wait")
    assert consumer.consumer.run() == 1
    assert consumer.log.committed == {("test", ("test", 0)): 3}, "two are held"
    effects.fails.clear()
    again = consume()
    again.log.records, again.log.committed = consumer.log.records, consumer.log.committed
    again.drain()
    assert [effects.of(key) for key in "abcde"] == [[1], [2], [2], [2], [2]]


def test_retries_that_take_long_leave_as_much_time_for_new_events(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    def slow() -> None:
        consumer.time.now += 5
        raise ConnectionError

    def calls_after(seconds: float) -> int:
        before = len(effects.calls)
        HeldEvent.objects.all().release()  # so that it is due
        consumer.time.now += seconds
        consumer.consumer.tick()
        return len(effects.calls) - before

    effects.fails["slow"] = slow
    send_steps(consumer, "a", 1, fail="slow")
    consumer.poll()
    assert [calls_after(seconds) for seconds in (60, 4, 2)] == [1, 0, 1]


def test_events_that_were_held_count_when_they_are_handled(consume: Make, effects: Effects) -> None:
    consumer = consume(SkippedTime())
    effects.fails["wait"] = Recovering(ConnectionError("gone"), 3)
    send_steps(consumer, "a", 1)
    send_steps(consumer, "b", 2, 3, fail="wait")
    consumer.drain()
    consumer.time.now += 10
    consumer.consumer.tick()
    assert effects.of("b") == [2, 3]
    assert Instance.objects.get().handled == 3
    consumer.time.stop_after = 0
    assert consumer.consumer.run() == 3


def test_held_events_are_retried_while_kafka_is_unavailable(
    consumer: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no group then, so there is none to stay in."""
    effects.fails["wait"] = raising(ConnectionError("gone"))
    send_steps(consumer, "a", 1, fail="wait")
    consumer.poll()
    effects.fails.clear()
    consumer.source.outage = "k:9092 does not answer"
    monkeypatch.setattr(consumer.source, "keep_alive", lambda: False)
    for _ in range(5):
        consumer.retry()
    assert effects.of("a") == [1]


@pytest.mark.parametrize("error", [ProgrammingError("permission denied"), InterfaceError("closed")])
def test_a_consumer_leaves_its_group_whatever_the_database_answers(
    consume: Make, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    consumer = consume(SkippedTime(stop_after=0))
    closed: list[bool] = []
    monkeypatch.setattr(consumer.source, "close", lambda: closed.append(True))
    monkeypatch.setattr(InstanceQuerySet, "filter", raising(error))
    with pytest.raises(ProgrammingError) if isinstance(error, ProgrammingError) else nullcontext():
        consumer.consumer.run()
    assert closed == [True]


def test_stopped_consumer_leaves_no_heartbeat(consume: Make) -> None:
    consumer = consume(SkippedTime(stop_after=0))
    consumer.consumer.tick()
    assert Instance.objects.count() == 1
    consumer.consumer.run()
    assert not Instance.objects.exists()


def test_partitions_taken_away_end_the_wait(consumer: MemoryConsumer, effects: Effects) -> None:
    """Nothing that is not done is committed; whoever has the partition next is delivered it."""

    def lose_partition() -> None:
        if len(effects.calls) > 8:
            consumer.source.revoke()
        raise RetryLater

    effects.fails["lose"] = lose_partition
    send_steps(consumer, "a", 1)
    for key in "bcde":
        send_steps(consumer, key, 2, fail="lose")
    consumer.consumer.tick()
    assert consumer.log.committed == {("test", ("test", 0)): 3}
    assert effects.of("a") == [1]
    effects.fails.clear()
    consumer.drain()
    assert [effects.of(key) for key in "abcde"] == [[1], [2], [2], [2], [2]]


def test_crash_between_database_and_offsets_repeats_nothing(
    consumer: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_steps(consumer, "a", *range(10))
    monkeypatch.setattr(consumer.source, "commit", _crash)
    with pytest.raises(SystemExit):
        consumer.drain()
    monkeypatch.undo()
    consumer.restart()
    consumer.drain()
    assert effects.order("a") == list(range(10))
    assert consumer.source.lag() == 0


def _crash(offsets: object) -> None:
    raise SystemExit(9)


def test_kafka_going_away_is_said_once_and_survived(
    consumer: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inbox")
    send_steps(consumer, "a", 1)
    consumer.source.outage = "k:9092 does not answer"
    for _ in range(5):
        consumer.consumer.tick()
    consumer.source.outage = ""
    consumer.drain()
    assert effects.of("a") == [1]
    assert [r.action for r in caplog.records] == ["inbox.degraded", "inbox.recovered"]  # type: ignore[attr-defined]


def test_kafka_going_away_before_the_offsets_are_committed_is_survived(
    consumer: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(offsets: object) -> None:
        raise SourceUnavailable("gone")

    send_steps(consumer, "a", 1)
    monkeypatch.setattr(consumer.source, "commit", refuse)
    consumer.drain()
    monkeypatch.undo()
    send_steps(consumer, "a", 2)
    consumer.drain()
    assert effects.order("a") == [1, 2]
    assert consumer.log.committed == {("test", ("test", 0)): 2}


def test_batch_size_limits_a_transaction(consume: Make, effects: Effects) -> None:
    """A failure takes back the batch that it is in, not those before it."""
    consumer = consume(batch_size=2)
    effects.fails["poison"] = raising(ValueError())
    send_steps(consumer, "a", 1, 2, 3)
    send_steps(consumer, "b", 4, fail="poison")
    consumer.drain()
    assert effects.calls.count(("a", 1)) == effects.calls.count(("a", 2)) == 1
    assert effects.calls.count(("a", 3)) == 2
    assert effects.of("a") == [1, 2, 3]
