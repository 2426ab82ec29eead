"""Topics that are missing or forbidden are held at once, tried again, and stop no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest
from django.db import connection

from outbox.models import Held, Hold
from outbox_core.wire.encode import BinaryEncoder
from relay.condition import State
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.publishers.base import Outcome, Record
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import Desk, Writer, insert, payloads, running
from tests.waiting import wait_until

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def test_topics_that_cannot_be_written_are_held_at_once_and_stop_no_other(
    desk: Desks, writer: Writers
) -> None:
    office, w = desk(topic_grace_seconds=1000.0, topic_retry_seconds=0.0), writer()
    office.broker.missing |= {"gone", "also-gone"}
    office.broker.forbidden.add("secret")
    office.broker.short.add("short")
    for topic in ("gone", "secret", "also-gone", "short"):
        w.insert("a", topic=topic)
        w.insert("b")
    w.commit()
    while office.shard.step():
        pass
    assert payloads(office.broker.records) == ["b:1", "b:2", "b:3", "b:4"]
    reasons = dict(Hold.objects.values_list("topic", "reason"))
    assert reasons == {
        "gone": "topic-missing",
        "also-gone": "topic-missing",
        "secret": "topic-forbidden",
        "short": "not-enough-replicas",
    }
    for refused in (office.broker.missing, office.broker.forbidden, office.broker.short):
        refused.clear()
    w.insert("a", topic="gone")
    w.commit()
    office.drain()
    published = [(r.topic, r.value) for r in office.broker.records if r.topic == "gone"]
    assert published == [("gone", b"a:1"), ("gone", b"a:5")]
    assert not Hold.objects.exists()
    assert not Held.objects.exists()


@pytest.mark.parametrize("cut", [False, True], ids=["", "connections are cut"])
def test_a_drain_waits_for_a_topic_that_may_just_be_made(transactional_db: None, cut: bool) -> None:
    publisher = MemoryPublisher()
    publisher.missing.add("soon")
    insert(0, "soon")
    relay = Relay("default", RelaySettings(), publisher, BinaryEncoder("/test"))

    def drain() -> bool:
        with closing(connection):
            return relay.run(drain=True)

    with ThreadPoolExecutor(1) as thread:
        drained = thread.submit(drain)
        wait_until(Held.objects.exists, 60, "the event is held")
        assert not wait([drained], 0.5).done
        if cut:
            sever()
        publisher.missing.clear()
        assert drained.result(60)
    assert payloads(publisher.records) == ["k:1"]


def test_a_drain_ends_when_the_grace_of_a_missing_topic_is_over(transactional_db: None) -> None:
    publisher = MemoryPublisher()
    publisher.missing.add("never")
    insert(0, "never")
    settings = RelaySettings(topic_grace_seconds=1.0)
    assert Relay("default", settings, publisher, BinaryEncoder("/test")).run(drain=True)
    assert Held.objects.count() == 1


def sever() -> None:
    """End every other session of this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_many_topics_that_are_missing_are_held_together(desk: Desks, writer: Writers) -> None:
    """One wave for each of them would keep all others waiting."""
    office, w = desk(), writer()
    office.broker.missing |= {f"gone-{n}" for n in range(20)}
    publish, waves = office.broker.publish, []

    def counted(records: Sequence[Record]) -> list[Outcome]:
        waves.append(len(records))
        return publish(records)

    office.broker.publish = counted  # type: ignore[method-assign]
    for n in range(20):
        w.insert("k", topic=f"gone-{n}")
    w.insert("other")
    w.commit()
    assert office.drain() == ["other:1"]
    assert Held.objects.count() == Hold.objects.count() == 20
    assert len(waves) == 1


def test_events_of_other_topics_flow_while_one_is_missing(transactional_db: None) -> None:
    publisher = MemoryPublisher()
    publisher.missing.add("gone")
    with running(publisher) as relay:
        insert(0, "gone", 3)
        insert(1, "there", 3)
        wait_until(lambda: len(publisher.records) == 3, 60, "the other topic is published")
        wait_until(lambda: Held.objects.count() == 3, 60, "the events of the missing topic are held")
        wait_until(lambda: relay.state is State.PUBLISHING, 60, "the relay is not degraded")
        publisher.missing.clear()
        wait_until(lambda: len(publisher.records) == 6, 60, "the topic is released by itself")
        wait_until(lambda: not Hold.objects.exists(), 60, "the hold is gone")


def test_a_held_topic_is_tried_again_soon_and_then_less_and_less_often(desk: Desks) -> None:
    holds = desk(topic_retry_seconds=10.0).shard._holds
    assert [holds._retry_in(age) for age in (0.0, 0.6, 4.0, 3600.0)] == [0.5, 0.5, 2.0, 10.0]
