"""Poison is held with what comes after it of its key; the rest goes on; release keeps the order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from inbox.holding.retries import Retries
from inbox.models import HeldEvent, Processed
from inbox.models.held_queries import HeldEventQuerySet
from inbox.signals import held_retried
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, Step, logged, raising, send_steps, undecided

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


def held() -> list[tuple[str, str]]:
    return [(row.event_id, row.error) for row in HeldEvent.objects.waiting()]


def told(caplog: pytest.LogCaptureFixture, action: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if getattr(r, "action", "") == f"inbox.{action}"]


ERROR = "ValueError: broken\\x00 handler"


def test_poison_is_held_with_the_later_events_of_its_key(poisoned: MemoryConsumer, effects: Effects) -> None:
    assert (effects.of("a"), effects.of("b")) == ([1], [1, 2])
    assert held() == [("a-2", ERROR), ("a-3", "")]
    assert effects.order("a").count(2) == 3, "as often as ATTEMPTS says"
    assert effects.order("a").count(1) == 2, "once in the batch that failed, and once without what failed"
    assert undecided().get().handler == "tests.inbox.conftest.Effects.step"


def test_later_batches_wait_behind_it_too(poisoned: MemoryConsumer, effects: Effects) -> None:
    send_steps(poisoned, "a", 4)
    send_steps(poisoned, "b", 3)
    poisoned.drain()
    assert effects.of("b") == [1, 2, 3]
    assert [event_id for event_id, _ in held()] == ["a-2", "a-3", "a-4"]


def test_redelivery_holds_nothing_twice(poisoned: MemoryConsumer) -> None:
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    Processed.objects.filter(consumer="test").delete()
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    assert [event_id for event_id, _ in held()][:2] == ["a-2", "a-3"]
    assert len({event_id for event_id, _ in held()}) == len(held())


def test_release_handles_the_key_in_order(poisoned: MemoryConsumer, effects: Effects) -> None:
    effects.fails.clear()
    assert HeldEvent.objects.filter(event_id="a-3").release() == 2
    poisoned.retry()
    assert effects.of("a") == [1, 2, 3]
    assert effects.order("a")[-2:] == [2, 3]
    assert not HeldEvent.objects.exists()


def test_event_that_arrives_during_a_release_keeps_its_place(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    effects.fails.clear()
    HeldEvent.objects.all().release()
    send_steps(poisoned, "a", 4)
    poisoned.drain()
    poisoned.retry()
    assert effects.order("a")[-3:] == [2, 3, 4]
    assert not HeldEvent.objects.exists()


def test_released_event_that_fails_again_stays_with_its_key(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    HeldEvent.objects.all().release()
    poisoned.drain()
    assert held() == [("a-2", ERROR), ("a-3", "")]
    assert not HeldEvent.objects.exclude(retry_at=None).exists()
    assert [row.attempts for row in undecided()] == [3], "released, it has them all again"
    assert effects.of("a") == [1]


def test_log_says_how_many_failed_again(
    poisoned: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "inbox")
    counts: list[tuple[int, int]] = []

    def count(handled: int, failed: int, **_: object) -> None:
        counts.append((handled, failed))

    held_retried.connect(count)
    HeldEvent.objects.all().release()
    poisoned.retry()
    effects.fails.clear()
    HeldEvent.objects.all().release()
    poisoned.retry()
    assert counts == [(0, 1), (2, 0)]
    assert [(r.handled, r.failed) for r in logged(caplog, "hold_retried")] == counts


def test_of_a_key_only_the_event_that_failed_is_reported_to_a_person(
    poisoned: MemoryConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    """Thousands may wait behind it."""
    caplog.set_level(logging.DEBUG, "inbox")
    send_steps(poisoned, "a", 4, 5, 6)
    poisoned.drain()
    assert [r.levelno for r in logged(caplog, "held_behind")] == [logging.DEBUG] * 3
    assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []


@pytest.mark.parametrize(
    "overtake",
    [
        lambda event: event.discard(by="me", reason=""),
        lambda event: event.update(released_at=datetime.now(UTC)),
    ],
    ids=["discarded", "released"],
)
def test_failure_does_not_undo_what_somebody_did_meanwhile(
    poisoned: MemoryConsumer,
    monkeypatch: pytest.MonkeyPatch,
    overtake: Callable[[HeldEventQuerySet], object],
) -> None:
    failed = HeldEventQuerySet.failed
    rows = HeldEvent.objects.filter(event_id="a-2")
    seen: list[tuple[bool, object]] = []

    def too_late(held_events: HeldEventQuerySet, held: HeldEvent, **values: Any) -> bool:
        overtake(rows.all())
        before = rows.values().get()
        seen.append((failed(held_events, held, **values), before))
        return seen[-1][0]

    monkeypatch.setattr(HeldEventQuerySet, "failed", too_late)
    HeldEvent.objects.all().release()
    poisoned.retry()
    assert seen == [(False, rows.values().get())]


def test_outage_leaves_a_released_event_released(poisoned: MemoryConsumer, effects: Effects) -> None:
    effects.fails["poison"] = raising(ConnectionError("no answer"))
    HeldEvent.objects.all().release()
    poisoned.retry()
    assert HeldEvent.objects.get(event_id="a-2").retry_at is not None
    effects.fails.clear()
    poisoned.retry()
    assert effects.of("a") == [1, 2, 3]


@pytest.mark.parametrize("by", ["another process", "a person"])
def test_outage_of_a_handler_ends_when_nothing_waits_for_it(
    consume: Callable[..., MemoryConsumer], effects: Effects, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    """This process cannot see by an event of its own that the handler succeeds again."""

    @effects.registry.handler("test.other")
    def other(step: Step) -> None:
        """No event is sent to it, so it fails for no key."""

    caplog.set_level(logging.INFO, "inbox")
    effects.fails["away"] = raising(ConnectionError("no answer"))
    consumer = consume()
    for key in "abcd":
        send_steps(consumer, key, 1, fail="away")
    consumer.poll()
    assert logged(caplog, "degraded")
    consumer.retry()
    assert not logged(caplog, "recovered")
    effects.fails.clear()
    if by == "another process":
        consume().drain()
    else:
        HeldEvent.objects.all().discard(by="me", reason="test orders")
    assert not HeldEvent.objects.waiting().exists()
    consumer.retry()
    assert len(logged(caplog, "recovered")) == 1


def test_discard_lets_the_rest_of_the_key_go_on(poisoned: MemoryConsumer, effects: Effects) -> None:
    assert HeldEvent.objects.filter(event_id="a-2").discard(by="me", reason="a test order") == 1
    poisoned.retry()
    assert effects.of("a") == [1, 3]
    gone = HeldEvent.objects.get()
    assert (gone.discarded_by, gone.discard_reason) == ("me", "a test order")
    assert gone.as_record().value is not None


def test_discard_of_one_that_waits_leaves_the_poison(poisoned: MemoryConsumer) -> None:
    HeldEvent.objects.filter(event_id="a-3").discard(by="me", reason="")
    poisoned.retry()
    assert held() == [("a-2", ERROR)]


def test_discarded_event_is_not_handled_when_delivered_again(
    poisoned: MemoryConsumer, effects: Effects
) -> None:
    effects.fails.clear()
    HeldEvent.objects.all().discard(by="me", reason="")
    poisoned.log.committed.clear()
    poisoned.restart()
    poisoned.drain()
    assert effects.of("a") == [1]


def test_payload_that_does_not_fit_is_held_at_once(consumer: MemoryConsumer, effects: Effects) -> None:
    """It needs no attempt, and the batch need not be rolled back for it."""
    send_steps(consumer, "a", 1)
    consumer.send("test.step", {"no": "number"}, key="a", event_id="bad")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.order("a"), effects.order("b")) == ([1], [1])
    error = "InvalidPayload: its data does not fit Step: Object missing required field `number`"
    assert held() == [("bad", error), ("a-2", "")]


def test_log_names_the_event_its_handler_and_the_limit(
    poisoned: MemoryConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    send_steps(poisoned, "c", 1, fail="poison")
    caplog.clear()
    poisoned.drain()
    (line,) = told(caplog, "hold_made")
    for word in ("test.step c-1 (test/0 offset 5)", "Effects.step", "INBOX['ATTEMPTS']", ERROR):
        assert word in line


def test_record_that_is_no_event_keeps_its_place_in_the_order_of_its_key(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    consumer.log.append("test", key=b"a", value=b"\x00\xff", headers=[("ce_x", b"\xfe"), ("y", None)])
    send_steps(consumer, "a", 1)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([], [1])
    row = undecided().get()
    assert (row.source, row.event_id, row.type, row.key) == ("kafka:test", "0/0", "", "a")
    assert row.error.startswith("InvalidEvent: specversion is missing")
    assert row.as_record() == consumer.log.records["test", 0][0]
    HeldEvent.objects.filter(pk=row.pk).discard(by="me", reason="a stray record")
    consumer.retry()
    assert effects.of("a") == [1]


def test_events_without_a_key_wait_for_nobody(consumer: MemoryConsumer, effects: Effects) -> None:
    effects.fails["poison"] = BROKEN
    consumer.send("test.step", {"number": 1, "fail": "poison"}, event_id="x")
    consumer.send("test.step", {"number": 2})
    consumer.drain()
    assert effects.of("") == [2]
    assert held() == [("x", ERROR)]


def test_handler_can_say_that_an_event_is_poison(consumer: MemoryConsumer, effects: Effects) -> None:
    from inbox import Poison

    effects.fails["poison"] = raising(Poison("never"))
    send_steps(consumer, "a", 1, fail="poison")
    consumer.drain()
    assert len(effects.calls) == 1
    assert held() == [("a-1", "Poison: never")]


def test_held_event_of_a_type_that_is_handled_no_more_is_let_go(poisoned: MemoryConsumer) -> None:
    HeldEvent.objects.all().release()
    poisoned.consumer._retries._route = lambda record: None
    poisoned.retry()
    poisoned.retry()
    assert not HeldEvent.objects.exists()


def test_a_long_key_is_taken_in_turns(
    poisoned: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New records are handled in between, and it continues at once, not after a second."""
    monkeypatch.setattr(Retries._together, "__defaults__", (2,))
    monkeypatch.setattr("inbox.holding.retries.ROWS", 2)
    send_steps(poisoned, "a", 4, 5)
    poisoned.drain()
    effects.fails.clear()
    HeldEvent.objects.all().release()
    poisoned.retry()
    assert HeldEvent.objects.count() == 2
    poisoned.consumer.tick()
    assert effects.order("a")[-4:] == [2, 3, 4, 5]
