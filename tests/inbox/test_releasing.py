"""Released events are tried in the order of their keys; what fails again stays held with its key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from inbox.models import HeldEvent
from inbox.models.held_queries import HeldEventQuerySet
from inbox.signals import held_retried
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import ERROR, Effects, Step, held, logged, raising, send_steps, undecided


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


def test_a_long_key_is_taken_in_turns(
    poisoned: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New records are handled in between, and it continues at once, not after a second."""
    monkeypatch.setattr("inbox.holding.retries.ROWS", 2)
    send_steps(poisoned, "a", 4, 5)
    poisoned.drain()
    effects.fails.clear()
    HeldEvent.objects.all().release()
    poisoned.retry()
    assert HeldEvent.objects.count() == 2
    poisoned.consumer.tick()
    assert effects.order("a")[-4:] == [2, 3, 4, 5]
