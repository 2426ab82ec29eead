"""Poison is parked with what comes after it of its key; the rest goes on; requeue keeps the order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from inbox.models import Parked, Processed
from inbox.models.parked import ParkedQuerySet
from inbox.requeue import Requeue
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps

BROKEN = raising(ValueError("broken\x00 handler"))


@pytest.fixture
def poisoned(consumer: MemoryConsumer, effects: Effects) -> MemoryConsumer:
    """Key a: 1 is well, 2 is poison, 3 waits; key b is well."""
    effects.fails["poison"] = BROKEN
    send_steps(consumer, "a", 1)
    send_steps(consumer, "a", 2, fail="poison")
    send_steps(consumer, "b", 1, 2)
    send_steps(consumer, "a", 3)
    consumer.drain()
    return consumer


def parked() -> list[tuple[str, str]]:
    return [(row.event_id, row.error) for row in Parked.objects.waiting()]


def told(caplog: pytest.LogCaptureFixture, action: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if getattr(r, "action", "") == f"inbox.{action}"]


ERROR = "ValueError: broken\\x00 handler"


def test_poison_is_parked_with_the_later_events_of_its_key(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    assert (effects.of("a"), effects.of("b")) == ([1], [1, 2])
    assert parked() == [("a-2", ERROR), ("a-3", "")]
    assert effects.order("a").count(2) == 4, "once in the batch, then as often as ATTEMPTS says"


def test_later_batches_wait_behind_it_too(poisoned: MemoryConsumer, effects: Effects) -> None:
    send_steps(poisoned, "a", 4)
    send_steps(poisoned, "b", 3)
    poisoned.drain()
    assert effects.of("b") == [1, 2, 3]
    assert [event_id for event_id, _ in parked()] == ["a-2", "a-3", "a-4"]


def test_redelivery_parks_nothing_twice(poisoned: MemoryConsumer) -> None:
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    Processed.objects.filter(consumer="test").delete()
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    assert [event_id for event_id, _ in parked()][:2] == ["a-2", "a-3"]
    assert len({event_id for event_id, _ in parked()}) == len(parked())


def test_requeue_handles_the_key_in_order(poisoned: MemoryConsumer, effects: Effects) -> None:
    effects.fails.clear()
    assert Parked.objects.filter(event_id="a-3").requeue() == 2
    poisoned.take_up()
    assert effects.of("a") == [1, 2, 3]
    assert effects.order("a")[-2:] == [2, 3]
    assert not Parked.objects.exists()


def test_event_that_arrives_during_a_requeue_keeps_its_place(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    effects.fails.clear()
    Parked.objects.all().requeue()
    send_steps(poisoned, "a", 4)
    poisoned.drain()
    poisoned.take_up()
    assert effects.order("a")[-3:] == [2, 3, 4]
    assert not Parked.objects.exists()


def test_requeued_event_that_fails_again_stays_with_its_key(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    Parked.objects.all().requeue()
    poisoned.take_up()
    assert parked() == [("a-2", ERROR), ("a-3", "")]
    assert Parked.objects.first().attempts == 4  # type: ignore[union-attr]
    assert not Parked.objects.exclude(requeued_at=None).exists()
    assert effects.of("a") == [1]


def test_log_says_how_many_failed_again(
    poisoned: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inbox")
    Parked.objects.all().requeue()
    poisoned.take_up()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages == ["test took up 1 parked events: 0 handled, 1 failed again and still parked"]
    caplog.clear()
    effects.fails.clear()
    Parked.objects.all().requeue()
    poisoned.take_up()
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert caplog.messages == ["test took up 2 parked events: 2 handled, 0 failed again and still parked"]


@pytest.mark.parametrize(
    ("overtake", "counts"),
    [
        (lambda event: event.discard(by="me", reason=""), "1 handled, 0 failed"),
        (lambda event: event.update(requeued_at=datetime.now(UTC)), "0 handled, 1 failed"),
    ],
    ids=["discarded, so that the next of its key is handled", "asked for anew, and fails again"],
)
def test_log_leaves_out_what_failed_and_was_dealt_with_meanwhile(
    poisoned: MemoryConsumer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    overtake: Callable[[ParkedQuerySet], object],
    counts: str,
) -> None:
    failed_again = ParkedQuerySet.failed_again

    def too_late(rows: ParkedQuerySet, parked: Parked, error: str) -> bool:
        monkeypatch.undo()
        overtake(rows.filter(id=parked.id))
        return failed_again(rows, parked, error)

    monkeypatch.setattr(ParkedQuerySet, "failed_again", too_late)
    caplog.set_level(logging.INFO, "inbox")
    Parked.objects.all().requeue()
    poisoned.take_up()
    assert caplog.messages == [f"test took up 1 parked events: {counts} again and still parked"]


def test_log_says_what_was_taken_up_before_an_outage(
    poisoned: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    send_steps(poisoned, "c", 1, fail="poison")
    poisoned.drain()
    effects.fails["poison"] = raising(ConnectionError("no answer"))
    Parked.objects.filter(event_id="a-2").discard(by="me", reason="")
    Parked.objects.all().requeue()
    caplog.set_level(logging.INFO, "inbox")
    caplog.clear()
    poisoned.take_up()
    assert "test took up 1 parked events: 1 handled, 0 failed again and still parked" in caplog.messages


def test_outage_leaves_a_requeued_event_requeued(poisoned: MemoryConsumer, effects: Effects) -> None:
    effects.fails["poison"] = raising(ConnectionError("no answer"))
    Parked.objects.all().requeue()
    poisoned.take_up()
    assert Parked.objects.exclude(requeued_at=None).count() == 2
    effects.fails.clear()
    poisoned.take_up()
    assert effects.of("a") == [1, 2, 3]


def test_discard_lets_the_rest_of_the_key_go_on(poisoned: MemoryConsumer, effects: Effects) -> None:
    assert Parked.objects.filter(event_id="a-2").discard(by="me", reason="a test order") == 1
    poisoned.take_up()
    assert effects.of("a") == [1, 3]
    gone = Parked.objects.get()
    assert (gone.discarded_by, gone.discard_reason) == ("me", "a test order")
    assert gone.as_record().value is not None


def test_discard_of_one_that_waits_leaves_the_poison(poisoned: MemoryConsumer) -> None:
    Parked.objects.filter(event_id="a-3").discard(by="me", reason="")
    poisoned.take_up()
    assert parked() == [("a-2", ERROR)]


def test_discarded_event_is_not_handled_when_delivered_again(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    effects.fails.clear()
    Parked.objects.all().discard(by="me", reason="")
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    assert effects.of("a") == [1]


def test_payload_that_does_not_fit_is_parked_at_once(consumer: MemoryConsumer, effects: Effects) -> None:
    """It needs no attempt, and the batch need not be rolled back for it."""
    send_steps(consumer, "a", 1)
    consumer.send("test.step", {"no": "number"}, key="a", event_id="bad")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.order("a"), effects.order("b")) == ([1], [1])
    error = "InvalidPayload: its data does not fit Step: Object missing required field `number`"
    assert parked() == [("bad", error), ("a-2", "")]


def test_log_says_what_waits_behind_poison(
    poisoned: MemoryConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    send_steps(poisoned, "c", 1, fail="poison")
    caplog.clear()
    poisoned.drain()
    assert told(caplog, "parked") == [
        "test: test.step c-1 (test/0 offset 5) is parked, and later events of its key with it; "
        "nothing is lost: " + ERROR
    ]


def test_log_says_that_nothing_waits_behind_what_has_no_key(
    consumer: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    effects.fails["poison"] = BROKEN
    consumer.send("test.step", {"number": 1, "fail": "poison"}, event_id="x")
    consumer.log.append("test", key=b"a", value=b"")
    consumer.drain()
    is_parked = "is parked, and nothing waits behind it; nothing is lost: "
    unreadable = "InvalidEvent: specversion is missing; CloudEvents 1.0 is what is read here"
    assert told(caplog, "parked") == [
        f"test: test.step x (test/0 offset 0) {is_parked}{ERROR}",
        f"test: unreadable record 0/1 (test/0 offset 1) {is_parked}{unreadable}",
    ]


def test_record_that_is_no_event_is_parked_and_blocks_nothing(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    consumer.log.append("test", key=b"a", value=b"\x00\xff", headers=[("ce_x", b"\xfe"), ("y", None)])
    send_steps(consumer, "a", 1)
    consumer.drain()
    assert effects.of("a") == [1]
    row = Parked.objects.get()
    assert (row.source, row.event_id, row.type, row.key) == ("kafka:test", "0/0", "", "a")
    assert row.error.startswith("InvalidEvent: a header is not UTF-8")
    assert row.as_record() == consumer.log.records["test", 0][0]


def test_events_without_a_key_wait_for_nobody(consumer: MemoryConsumer, effects: Effects) -> None:
    effects.fails["poison"] = BROKEN
    consumer.send("test.step", {"number": 1, "fail": "poison"}, event_id="x")
    consumer.send("test.step", {"number": 2})
    consumer.drain()
    assert effects.of("") == [2]
    assert parked() == [("x", ERROR)]


def test_handler_can_say_that_an_event_is_poison(consumer: MemoryConsumer, effects: Effects) -> None:
    from inbox import Poison

    effects.fails["poison"] = raising(Poison("never"))
    send_steps(consumer, "a", 1, fail="poison")
    consumer.drain()
    assert len(effects.calls) == 1
    assert parked() == [("a-1", "Poison: never")]


def test_parked_event_of_a_type_that_is_handled_no_more_is_let_go(poisoned: MemoryConsumer) -> None:
    Parked.objects.all().requeue()
    processor = poisoned.consumer._processor
    assert Requeue(effects=processor._effects, route=lambda record: None).run(10) == 2
    assert not Parked.objects.exists()


def test_requeue_takes_a_long_key_in_turns(
    poisoned: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New records are handled in between, and it goes on at once, not after a second."""
    monkeypatch.setattr("inbox.consumer.REQUEUE_CHUNK", 3)
    send_steps(poisoned, "a", 4, 5)
    poisoned.drain()
    effects.fails.clear()
    Parked.objects.all().requeue()
    poisoned.take_up()
    assert Parked.objects.count() == 1
    poisoned.consumer.tick()
    assert effects.order("a")[-4:] == [2, 3, 4, 5]
