"""A consumer that runs is moved by its own loop: nothing is lost, and no effect comes twice."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from inbox.errors import SeekRefused, SourceUnavailable
from inbox.models import Ledger, Offset, Operation
from inbox.operations.bulk import operations
from inbox.testing import MemoryConsumer, SkippedTime
from tests.inbox.conftest import Effects, raising, send_steps
from tests.inbox.operators import run
from tests.inbox.seeks import request

HEARTBEAT = 6.0


class Interrupted(SkippedTime):
    """Somebody does something during the tenth sleep."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__(stop_after=500)
        self._then = then

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        if self.sleeps == 10:
            self._then()


def later(consumer: MemoryConsumer) -> None:
    """The next heartbeat, and what comes after it."""
    consumer.time.now += HEARTBEAT
    consumer.poll()


@pytest.fixture
def ahead(consumer: MemoryConsumer) -> MemoryConsumer:
    """It has handled five events, and three more wait."""
    send_steps(consumer, "a", 1, 2, 3, 4, 5)
    consumer.poll()
    send_steps(consumer, "a", 6, 7, 8)
    return consumer


def test_forward_skips_what_is_between_and_continues_there(ahead: MemoryConsumer, effects: Effects) -> None:
    row = request({0: 7})
    later(ahead)
    row.refresh_from_db()
    assert effects.of("a") == [1, 2, 3, 4, 5, 8]
    assert (row.state, row.done, Offset.objects.get(consumer="test").offset) == ("done", 1, 8)
    assert ahead.log.committed["test", ("test", 0)] == 8


def test_backward_delivers_again_and_repeats_no_effect(ahead: MemoryConsumer, effects: Effects) -> None:
    row = request({0: 1})
    later(ahead)
    row.refresh_from_db()
    assert row.state == "done"
    assert effects.order("a") == [1, 2, 3, 4, 5, 6, 7, 8], "no handler was called twice"
    assert Offset.objects.get(consumer="test").offset == 8


def test_the_entry_of_the_ledger_is_of_the_person(ahead: MemoryConsumer) -> None:
    request({0: 7})
    later(ahead)
    entry = Ledger.objects.by_people().get()
    assert (entry.who, entry.verb, entry.reason, entry.outcome) == ("mara", "seek", "INC-7", "done")
    assert (entry.before, entry.scope) == ("partition 0 at 5", "test, test: partition 0 at 7")
    assert entry.selection == {"consumer": "test", "topic": "test", "partition": [0]}


def test_nothing_moves_before_the_heartbeat_and_nothing_after_a_cancel(
    ahead: MemoryConsumer, effects: Effects
) -> None:
    row = request({0: 7})
    ahead.poll()
    assert effects.of("a") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert run("inbox_operations", str(row.pk), "--cancel")[0] == 0
    later(ahead)
    assert not Ledger.objects.by_people().filter(verb="seek").exists()
    assert Offset.objects.get(consumer="test").offset == 8


def test_a_batch_that_fails_for_ever_is_left_for_it(
    consume: Callable[..., MemoryConsumer], effects: Effects
) -> None:
    """Every handler fails, so the consumer waits within the batch, until a person skips it."""
    time = Interrupted(lambda: request({0: 8}))
    consumer = consume(time)
    effects.fails["down"] = raising(ConnectionError("the mail server is down"))
    for number in range(8):
        send_steps(consumer, f"k{number}", 1, fail="down")
    consumer.poll()
    send_steps(consumer, "a", 1)
    consumer.poll()
    assert (Operation.objects.get().state, effects.of("a"), time.requested) == ("done", [1], False)


def test_a_partition_has_one_request_at_a_time(ahead: MemoryConsumer) -> None:
    row = request({0: 7, 1: 7})
    with pytest.raises(SeekRefused, match=rf"Operation {row.pk} \(running\) moves test/0 already"):
        request({0: 2})
    request({2: 7})
    request({0: 7}, consumer="another")
    operations.pause("default", row.pk, "mara")
    with pytest.raises(SeekRefused, match="paused"):
        request({1: 2})
    operations.cancel("default", row.pk, "mara")
    request({0: 2})


def test_what_another_process_reads_is_left_to_it(ahead: MemoryConsumer, effects: Effects) -> None:
    row = request({0: 7, 1: 3})
    later(ahead)
    later(ahead)
    row.refresh_from_db()
    assert (row.state, row.done, row.options["left"]) == ("running", 1, [1])
    assert Ledger.objects.by_people().get().outcome == "in part"
    assert effects.of("a") == [1, 2, 3, 4, 5, 8]


def test_if_the_group_has_given_the_partition_away_nothing_changes(
    ahead: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = request({0: 7})
    monkeypatch.setattr(ahead.source, "move", lambda offsets: False)
    later(ahead)
    row.refresh_from_db()
    assert (row.state, row.done, effects.of("a")) == ("running", 0, [1, 2, 3, 4, 5, 6, 7, 8])
    assert not Ledger.objects.by_people().exists()


def test_an_outage_of_kafka_changes_nothing_and_the_next_heartbeat_does_it(
    ahead: MemoryConsumer, effects: Effects
) -> None:
    row = request({0: 7})
    move = ahead.source.move

    def fail(offsets: object) -> bool:
        raise SourceUnavailable("no broker")

    ahead.source.move = fail  # type: ignore[method-assign]
    ahead.source.pause(["test"])
    later(ahead)
    assert not Ledger.objects.by_people().exists()
    ahead.source.move = move  # type: ignore[method-assign]
    ahead.time.now += HEARTBEAT
    ahead.consumer.tick()
    ahead.source.pause([])
    ahead.poll()
    row.refresh_from_db()
    assert (row.state, effects.of("a")) == ("done", [1, 2, 3, 4, 5, 8])


def test_held_events_stay_held(ahead: MemoryConsumer, effects: Effects) -> None:
    effects.fails["poison"] = raising(ValueError("no such customer"))
    send_steps(ahead, "b", 1, fail="poison")
    ahead.drain()
    request({0: 0})
    effects.fails.clear()
    later(ahead)
    assert effects.of("b") == []
    assert run("inbox_release", "b-1")[0] == 0
    ahead.retry()
    assert effects.of("b") == [1]


@pytest.mark.django_db(transaction=True)
def test_the_log_says_who_moved_what(
    consume: Callable[..., MemoryConsumer], caplog: pytest.LogCaptureFixture
) -> None:
    consumer = consume()
    send_steps(consumer, "a", 1, 2)
    consumer.poll()
    request({0: 1})
    later(consumer)
    [line] = [each for each in caplog.records if getattr(each, "action", "") == "inbox.seek"]
    assert (line.levelno, "INC-7" in line.getMessage(), "mara" in line.getMessage()) == (
        logging.WARNING,
        True,
        True,
    )
    assert Operation.objects.get().state == "done"
