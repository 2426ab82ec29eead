"""What must wait, waits in order; all else goes on; an outage sets nothing held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest
from django.db import connection
from django.db.models.functions import Now

from outbox.models import Held, Hold, OutboxEvent
from outbox_core.wire.encode import BinaryEncoder
from relay.condition import State
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Outcome, Record, Trouble
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import Desk, Writer, insert, pause, payloads, resume, running
from tests.waiting import wait_until

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
TOO_LARGE = "x" * 500


def poisoned(office: Desk, w: Writer) -> None:
    """Events of a key of which the second is too large, and others between them."""
    office.broker._max_record_bytes = 400
    w.insert("k")
    w.insert("other")
    w.insert("k")
    w.connection.execute(
        f"UPDATE outbox_event SET payload = '{TOO_LARGE}' WHERE id IN (SELECT max(id) FROM outbox_event)"
    )
    w.insert("k", 2)
    w.insert("other")
    w.commit()


def release() -> None:
    Hold.objects.update(release_at=Now())


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


def refuse_bad_ones(office: Desk) -> list[int]:
    """A broker that refuses a batch for one record of it. How large the batches were that it got."""
    publish, batches = office.broker.publish, list[int]()

    def refuse(records):  # type: ignore[no-untyped-def]
        batches.append(len(records))
        if any(r.key == b"bad" for r in records):
            return [Failure(Trouble.RECORD, "invalid record")] * len(records)
        return publish(records)

    office.broker.publish = refuse  # type: ignore[method-assign]
    return batches


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


def test_poison_that_is_released_unmended_waits_again(desk: Desks, writer: Writers) -> None:
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


def test_an_outage_sets_nothing_aside(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a", 3)
    w.commit()
    office.broker.failures.extend([Failure(Trouble.RETRIABLE, "no leader")] * 5)
    for _ in range(5):
        with pytest.raises(PublisherUnavailable, match="no leader"):
            office.shard.step()
    assert not Hold.objects.exists()
    assert office.drain() == ["a:1", "a:2", "a:3"]


def test_topics_that_cannot_be_written_are_held_at_once_and_stop_no_other(
    desk: Desks, writer: Writers
) -> None:
    office, w = desk(topic_grace_seconds=1000.0, topic_retry_seconds=0.0), writer()
    office.broker.missing |= {"gone", "also-gone"}
    office.broker.forbidden.add("secret")
    for topic in ("gone", "secret", "also-gone"):
        w.insert("a", topic=topic)
        w.insert("b")
    w.commit()
    while office.shard.step():
        pass
    assert payloads(office.broker.records) == ["b:1", "b:2", "b:3"]
    reasons = dict(Hold.objects.values_list("topic", "reason"))
    assert reasons == {"gone": "topic-missing", "also-gone": "topic-missing", "secret": "topic-forbidden"}
    office.broker.missing.clear()
    office.broker.forbidden.clear()
    w.insert("a", topic="gone")
    w.commit()
    office.drain()
    published = [(r.topic, r.value) for r in office.broker.records if r.topic == "gone"]
    assert published == [("gone", b"a:1"), ("gone", b"a:4")]
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
        wait_until(Held.objects.exists, 10, "the event is held")
        assert not wait([drained], 0.5).done
        if cut:
            sever()
        publisher.missing.clear()
        assert drained.result(20)
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
        wait_until(lambda: len(publisher.records) == 3, 10, "the other topic is published")
        wait_until(lambda: Held.objects.count() == 3, 10, "the events of the missing topic are held")
        wait_until(lambda: relay.state is State.PUBLISHING, 10, "the relay is not degraded")
        publisher.missing.clear()
        wait_until(lambda: len(publisher.records) == 6, 10, "the topic is released by itself")
        wait_until(lambda: not Hold.objects.exists(), 10, "the hold is gone")


def test_a_held_topic_is_tried_again_soon_and_then_less_and_less_often(desk: Desks) -> None:
    holds = desk(topic_retry_seconds=10.0).shard._holds
    assert [holds._retry_in(age) for age in (0.0, 0.6, 4.0, 3600.0)] == [0.5, 0.5, 2.0, 10.0]


def test_a_paused_topic_waits_until_it_is_resumed(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    Hold.objects.create(scope="topic", topic="t", reason=Hold.Reason.PAUSED)
    w.insert("a", 3)
    w.insert("b", topic="elsewhere")
    w.commit()
    assert office.drain() == ["b:1"]
    release()
    assert office.drain() == ["a:1", "a:2", "a:3"]


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


def test_what_is_set_aside_counts_as_published_only_once_it_is(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    poisoned(office, w)
    office.drain()
    assert office.shard._checkpoints.published == 3
    office.broker._max_record_bytes = 10_000
    release()
    office.drain()
    assert office.shard._checkpoints.published == OutboxEvent.objects.count() == 6
