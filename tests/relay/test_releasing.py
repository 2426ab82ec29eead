"""Holds end, also while new events come and several relays share the log; and end nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
import pytest

from outbox.models import Held, Hold, Shard
from outbox.operations import resharding
from outbox_core.wire.encode import Record
from relay import signals
from relay.errors import LeaseLost
from relay.publishers.base import Outcome
from tests.relay.conftest import Desk, Writer, insert, pause, resume

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def topics(office: Desk) -> list[str]:
    return [record.topic for record in office.broker.records]


def test_a_hold_ends_though_new_events_never_stop(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    pause("t")
    w.insert("a")
    w.commit()
    assert office.drain() == []
    resume("t")
    for _ in range(3):
        w.insert("a")
        w.commit()
        office.shard.step()
        office.shard.release()
    assert not Hold.objects.exists()
    w.insert("a")
    w.commit()
    office.drain()
    assert [(r.value or b"").decode() for r in office.broker.records] == [f"a:{n}" for n in range(1, 6)]


def test_a_hold_that_another_relay_lifts_has_nothing_sent_again(desk: Desks) -> None:
    """It is lifted between the look-up for a page and the checkpoint behind it."""
    resharding.reshard("default", 2)
    first, second = desk(), desk()
    pause("held")
    insert(200, "held")
    assert second.drain() == []
    resume("held")

    publish = first.broker.publish

    def while_in_flight(records: Sequence[Record]) -> list[Outcome]:
        first.broker.publish = publish  # type: ignore[method-assign]
        while second.shard.release():
            pass
        return publish(records)

    first.broker.publish = while_in_flight  # type: ignore[method-assign]
    insert(0, "other", 5)
    insert(0, "held")
    while first.shard.step():
        pass
    assert topics(first) == ["other"] * 5 + ["held"]
    assert topics(second) == ["held"]
    assert not Held.objects.exists()


def both_behind_a_hold(desk: Desks, **settings: float) -> tuple[Desk, Desk]:
    """The owners of two shards, each with an event behind a hold that is due now; the first is through."""
    resharding.reshard("default", 2)
    first, second = desk(**settings), desk(**settings)
    pause("held")
    insert(0, "held")
    insert(200, "held")
    assert first.drain() == second.drain() == []
    resume("held")
    first.shard.release()
    return first, second


def test_a_shard_behind_its_part_of_a_hold_does_not_wait_for_other_shards(desk: Desks) -> None:
    first, second = both_behind_a_hold(desk)
    insert(0, "held")
    first.shard.step()
    assert topics(first) == ["held"] * 2
    pause("held")
    insert(0, "held")
    first.shard.step()
    assert topics(first) == ["held"] * 2, "it is paused again"
    resume("held")
    first.drain()
    second.drain()
    assert (topics(first), topics(second)) == (["held"] * 3, ["held"])
    assert not Hold.objects.exists()


def test_nothing_passes_what_its_own_shard_still_holds(desk: Desks, writer: Writers) -> None:
    resharding.reshard("default", 2)
    first, second, w = desk(page_bytes=1), desk(), writer()
    pause("held")
    w.insert("a", 2, topic="held", bucket=0)
    w.insert("b", topic="held", bucket=200)
    w.commit()
    assert first.drain() == second.drain() == []
    resume("held")
    w.insert("a", topic="held", bucket=0)
    w.commit()
    due = first.shard._holds.due()
    assert due is not None
    first.shard._hold_releases._release(due)
    assert first.drain() == ["a:2", "a:3"]


def test_a_topic_in_trouble_again_is_held_again_for_every_shard(desk: Desks) -> None:
    first, second = both_behind_a_hold(desk, topic_grace_seconds=0)
    first.broker.missing.add("held")
    insert(0, "held")
    first.drain()
    assert Held.objects.count() == 2
    assert not Hold.objects.with_due().get().due
    second.shard.release()
    assert topics(second) == []


def test_a_shard_that_had_nothing_behind_a_hold_does_not_try_a_topic_that_others_found_missing(
    desk: Desks,
) -> None:
    resharding.reshard("default", 2)
    first, second = desk(), desk(topic_grace_seconds=0)
    second.broker.missing.add("held")
    insert(200, "held")
    second.shard.step()
    Hold.objects.release()
    first.shard.release()
    first.broker.missing.add("held")
    insert(0, "held")
    first.shard.step()
    assert Held.objects.count() == 2


def test_lifting_waits_for_nobody(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    pause("t")
    w.insert("a")
    w.commit()
    office.drain()
    resume("t")
    operator = writer()
    operator.connection.execute("SELECT FROM outbox_hold FOR NO KEY UPDATE")
    office.session.connection.execute("SET lock_timeout = '2s'")
    try:
        office.shard.release()
    except psycopg.errors.LockNotAvailable:
        pytest.fail("lifting has waited for the operator")
    assert Hold.objects.exists()
    assert topics(office) == ["t"]
    operator.rollback()
    office.shard.release()
    assert not Hold.objects.exists()


def test_who_has_lost_its_shard_makes_no_hold_and_says_so(desk: Desks, writer: Writers) -> None:
    office, w = desk(topic_grace_seconds=0), writer()
    w.insert("a")
    w.commit()
    office.broker.missing.add("t")
    Shard.objects.update(epoch=99)
    said: list[object] = []

    def note(**told: object) -> None:
        said.append(told)

    signals.hold_made.connect(note)
    try:
        with pytest.raises(LeaseLost):
            office.shard.step()
    finally:
        signals.hold_made.disconnect(note)
    assert said == []
    assert not Hold.objects.exists()
