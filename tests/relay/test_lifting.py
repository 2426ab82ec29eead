"""Holds end, also while new events come and several relays share the log; and end nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
import pytest

from outbox import positions
from outbox.cloudevents import Record
from outbox.models import Held, Hold, Shard
from relay import signals
from relay.errors import LeaseLost, PublisherUnavailable
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
    positions.reshard("default", 2)
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


def test_an_outage_is_no_part_of_the_grace(desk: Desks, writer: Writers) -> None:
    """A cold broker does not know the topic, goes away for long, and comes up cold again."""
    office, w = desk(topic_grace_seconds=3600), writer()
    w.insert("a")
    w.commit()
    clock = [0.0]
    office.shard._grace._clock = lambda: clock[0]

    def attempt() -> None:
        with pytest.raises(PublisherUnavailable):
            office.shard.step()

    office.broker.missing.add("t")
    attempt()
    office.broker.available = False
    clock[0] = 5_000
    attempt()
    office.broker.available = True
    clock[0] = 10_000
    attempt()
    assert not Hold.objects.exists()
    clock[0] = 10_000 + 3_599
    attempt()
    clock[0] = 10_000 + 3_600
    office.drain()
    assert Hold.objects.get().reason == "topic-missing"
