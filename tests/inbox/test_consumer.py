"""The loop: waiting in place for what may go well later; crashes, rebalances, Kafka going away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError

from inbox import RetryLater
from inbox.errors import SourceUnavailable
from inbox.models import Instance, Parked
from inbox.models.parked import ParkedQuerySet
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
def test_what_may_go_well_later_is_waited_for_and_never_parked(
    consumer: MemoryConsumer, effects: Effects, error: Exception
) -> None:
    effects.fails["wait"] = Recovering(error, 50)
    send_steps(consumer, "a", 1)
    send_steps(consumer, "a", 2, fail="wait")
    send_steps(consumer, "a", 3)
    consumer.drain()
    assert effects.of("a") == [1, 2, 3]
    assert not Parked.objects.exists()
    assert 40 < consumer.time.now < 110, "waits grow to two seconds and no further"


def test_waiting_says_so_once_and_once_when_it_is_over(
    consumer: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inbox")
    effects.fails["wait"] = Recovering(ConnectionError("no mail\nserver"), 20)
    send_steps(consumer, "a", 1, fail="wait")
    consumer.drain()
    told = [(r.levelname, r.action, r.getMessage()) for r in caplog.records]  # type: ignore[attr-defined]
    assert [action for _, action, _ in told] == ["inbox.stalled", "inbox.recovered"]
    message = "test waits for what its handlers need and tries again until it is there; nothing is lost: "
    assert told[0][2] == message + "ConnectionError: no mail server"
    assert told[1][2].startswith("test goes on: what its handlers need is there again after ")


def test_parking_that_is_refused_is_waited_for_and_told(
    consumer: MemoryConsumer,
    effects: Effects,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a role may not write to the table: no event's fault, and nothing that passes by itself."""
    caplog.set_level(logging.INFO, "inbox")
    effects.fails["poison"] = raising(ValueError("poison"))
    refused = Recovering(ProgrammingError("permission denied for table inbox_parked"), 5)
    park = ParkedQuerySet.park

    def park_if_allowed(*arguments: Any) -> None:
        refused()
        park(*arguments)

    monkeypatch.setattr(ParkedQuerySet, "park", park_if_allowed)
    send_steps(consumer, "a", 1, fail="poison")
    consumer.drain()
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == (
        "test waits for what parking an event needs and tries again until it is there; nothing is lost: "
        "ProgrammingError: permission denied for table inbox_parked"
    )
    assert told[2].startswith("test goes on: what parking an event needs is there again after ")
    assert [row.event_id for row in Parked.objects.waiting()] == ["a-1"]


def test_heartbeat_says_what_is_waited_for(consume: Make, effects: Effects) -> None:
    consumer = consume(SkippedTime(stop_after=20))
    effects.fails["wait"] = raising(RetryLater("rates"))
    send_steps(consumer, "a", 1, fail="wait")
    consumer.drain()
    instance = Instance.objects.get()
    assert (instance.consumer, instance.state) == ("test", "waiting")
    assert instance.detail == "what its handlers need: RetryLater: rates"


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
    send_steps(consumer, "a", 2, fail="wait")
    send_steps(consumer, "a", 3)
    assert consumer.consumer.run() == 1
    assert consumer.log.committed == {("test", ("test", 0)): 1}
    effects.fails.clear()
    again = consume()
    again.log.records, again.log.committed = consumer.log.records, consumer.log.committed
    again.drain()
    assert effects.of("a") == [1, 2, 3]


def test_stopped_consumer_leaves_no_heartbeat(consume: Make) -> None:
    consumer = consume(SkippedTime(stop_after=0))
    consumer.consumer.tick()
    assert Instance.objects.count() == 1
    consumer.consumer.run()
    assert not Instance.objects.exists()


def test_partitions_taken_away_end_the_wait(consumer: MemoryConsumer, effects: Effects) -> None:
    """Nothing that is not done is committed; whoever has the partition next is delivered it."""

    def lose_partition() -> None:
        if len(effects.calls) > 5:
            consumer.source.revoke()
        raise RetryLater

    effects.fails["lose"] = lose_partition
    send_steps(consumer, "a", 1)
    send_steps(consumer, "a", 2, fail="lose")
    consumer.consumer.tick()
    assert consumer.log.committed == {("test", ("test", 0)): 1}
    assert effects.of("a") == [1]
    effects.fails.clear()
    consumer.drain()
    assert effects.of("a") == [1, 2]


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
    assert [r.action for r in caplog.records] == ["inbox.stalled", "inbox.recovered"]  # type: ignore[attr-defined]


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
