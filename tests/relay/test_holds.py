"""What must wait, waits; all else goes on; an outage holds nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from outbox.models import Held, Hold, OutboxEvent
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Trouble
from tests.relay.conftest import Desk, Writer
from tests.relay.poison import poisoned, refuse_bad_ones, release

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def test_poison_holds_its_key_and_nothing_else(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    poisoned(office, w)
    assert office.drain() == ["k:1", "other:1", "other:2"]
    hold = Hold.objects.get()
    assert (hold.scope, hold.key, hold.reason) == ("key", "k", "poison")
    assert "bytes" in hold.detail
    assert Held.objects.count() == 3
    w.insert("k")
    w.insert("other")
    w.commit()
    assert office.drain() == ["other:3"]
    assert Held.objects.count() == 4


def test_with_policy_skip_poison_holds_only_itself(desk: Desks, writer: Writers) -> None:
    office, w = desk(poison="skip"), writer()
    poisoned(office, w)
    assert office.drain() == ["k:1", "other:1", "k:3", "k:4", "other:2"]
    assert Held.objects.count() == 1


def test_poison_that_only_the_broker_sees_is_isolated_before_it_is_judged(
    desk: Desks, writer: Writers
) -> None:
    """The broker refuses the whole batch; what is healthy in it is published, in order."""
    office, w = desk(), writer()
    w.insert("a", 5)
    w.insert("bad")
    w.insert("b", 6)
    w.commit()
    refuse_bad_ones(office)
    assert office.drain() == [f"a:{n}" for n in range(1, 6)] + [f"b:{n}" for n in range(1, 7)]
    assert [held.event.key for held in Held.objects.all()] == ["bad"]


def test_a_hold_survives_a_restart(desk: Desks, writer: Writers) -> None:
    office, w = desk(page_rows=2), writer()
    poisoned(office, w)
    office.drain()
    office.reopen()
    w.insert("k")
    w.commit()
    assert office.drain() == []
    office.broker._max_record_bytes = 10_000
    release()
    office.reopen()
    assert office.drain()[1:] == ["k:3", "k:4", "k:5"]


def test_an_outage_holds_nothing(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a", 3)
    w.commit()
    office.broker.failures.extend([Failure(Trouble.RETRIABLE, "no leader")] * 5)
    for _ in range(5):
        with pytest.raises(PublisherUnavailable, match="no leader"):
            office.shard.step()
    assert not Hold.objects.exists()
    assert office.drain() == ["a:1", "a:2", "a:3"]


def test_a_paused_topic_waits_until_it_is_resumed(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    Hold.objects.create(scope="topic", topic="t", reason=Hold.Reason.PAUSED)
    w.insert("a", 3)
    w.insert("b", topic="elsewhere")
    w.commit()
    assert office.drain() == ["b:1"]
    release()
    assert office.drain() == ["a:1", "a:2", "a:3"]


def test_what_is_held_counts_as_published_only_once_it_is(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    poisoned(office, w)
    office.drain()
    assert office.shard._checkpoints.published == 3
    office.broker._max_record_bytes = 10_000
    release()
    office.drain()
    assert office.shard._checkpoints.published == OutboxEvent.objects.count() == 6
