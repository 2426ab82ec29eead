"""What was held and is released comes in order, and what is poison still waits again."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models.functions import Now

from outbox.models import Held, Hold
from tests.relay.conftest import Desk, Writer, pause, resume
from tests.relay.poison import TOO_LARGE, poisoned, refuse_bad_ones, release

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def test_poison_among_what_is_released_is_found_in_few_attempts(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    pause("t")
    for key, count in (("a", 200), ("bad", 1), ("b", 100), ("bad", 1), ("c", 300)):
        w.insert(key, count)
    w.commit()
    assert office.drain() == []
    batches = refuse_bad_ones(office)
    resume("t")
    assert len(office.drain()) == 600
    assert len(batches) <= 40
    assert [held.event.key for held in Held.objects.all()] == ["bad", "bad"]


def test_poison_behind_one_hold_is_found_while_others_are_released(desk: Desks, writer: Writers) -> None:
    office, w = desk(page_rows=100), writer()
    pause("poisoned")
    pause("large")
    w.insert("a", topic="poisoned")
    w.insert("bad", topic="poisoned")
    w.insert("b", 200, topic="large")
    w.commit()
    assert office.drain() == []
    refuse_bad_ones(office)
    resume("poisoned")
    resume("large")
    for _ in range(8):
        office.shard.release()
    assert [hold.where for hold in Hold.objects.all()] == ["key bad of poisoned"]
    assert len(office.broker.records) == 201


def test_a_released_key_is_published_in_order_before_what_comes_later(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    poisoned(office, w)
    office.drain()
    office.broker._max_record_bytes = 10_000
    w.insert("k")
    w.commit()
    release()
    assert office.shard.step()
    w.insert("k")
    w.commit()
    published = office.drain()
    assert published[0] == TOO_LARGE
    assert published[1:] == ["k:3", "k:4", "k:5", "k:6"]
    assert not Hold.objects.exists()
    assert not Held.objects.exists()
    w.insert("k")
    w.commit()
    assert office.drain() == ["k:7"]


def test_poison_that_is_released_unrepaired_waits_again(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    poisoned(office, w)
    office.drain()
    release()
    assert office.drain() == []
    assert Hold.objects.get().release_at is None
    assert Held.objects.count() == 3


def test_a_discarded_event_is_passed_over_and_the_rest_goes_on(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    poisoned(office, w)
    office.drain()
    Held.objects.filter(event=Held.objects.earliest("id").event).update(discarded_at=Now())
    release()
    assert office.drain() == ["k:3", "k:4"]
    assert not Hold.objects.exists()
    assert Held.objects.get().hold_id is None


def test_poison_found_when_a_topic_is_released_gets_a_hold_of_its_own(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    Hold.objects.create(scope="topic", topic="t", reason=Hold.Reason.PAUSED)
    poisoned(office, w)
    assert office.drain() == []
    release()
    assert office.drain() == ["k:1", "other:1", "other:2"]
    assert Hold.objects.get().scope == Hold.Scope.KEY
    office.broker._max_record_bytes = 10_000
    release()
    assert office.drain()[1:] == ["k:3", "k:4"]


def test_a_released_key_waits_for_its_paused_topic(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    poisoned(office, w)
    office.drain()
    office.broker._max_record_bytes = 10_000
    Hold.objects.create(scope="topic", topic="t", reason=Hold.Reason.PAUSED)
    Hold.objects.filter(scope="key").update(release_at=Now())
    assert office.drain() == []
    Hold.objects.filter(scope="topic").update(release_at=Now())
    assert office.drain()[1:] == ["k:3", "k:4"]
