"""Nobody waits for somebody else's trouble, and nothing keeps a relay from what must not wait."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from outbox import positions, verbs
from outbox.cloudevents import BinaryEncoder, Record
from outbox.models import Held, Hold, Shard
from relay import signals
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.errors import PublisherUnavailable
from relay.lease import Lease
from relay.publishers.base import Failure, Outcome, Trouble
from relay.publishers.memory import MemoryPublisher
from relay.session import Session, qualified
from relay.states import State
from tests.relay.conftest import Desk, Writer
from tests.waiting import wait_until

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
ATTEMPT_SECONDS = 0.5


class HalfDown(MemoryPublisher):
    """The partitions of topic ``bad`` have no leader."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        if records[0].topic == "bad":
            return [Failure(Trouble.TRANSIENT, "no leader")]
        return super().publish(records)


@contextmanager
def running(publisher: MemoryPublisher, **options: Any) -> Iterator[Relay]:
    relay = Relay("default", RelaySettings(**options), publisher, BinaryEncoder("/test"))
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(20)


def insert(bucket: int, topic: str, count: int = 1) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, payload, headers)"
            " SELECT %s, %s, 'k', 'test.event', 'text/plain', gen_random_uuid(), 'p', '{}'"
            " FROM generate_series(1, %s)",
            (bucket, topic, count),
        )


def divide(count: int) -> None:
    positions.reshard("default", count)


def test_a_shard_in_trouble_keeps_no_other_waiting(transactional_db: None) -> None:
    divide(2)
    broker = HalfDown()
    with running(broker, backoff_seconds=0.2) as relay:
        wait_until(lambda: len(relay.shards) == 2, 10, "both shards")
        insert(0, "bad")
        wait_until(lambda: relay.state is State.DEGRADED, 10, "trouble")
        insert(200, "good", 5)
        wait_until(lambda: len(broker.records) == 5, 10, "the events of the other shard")
        assert (relay.state, "no leader" in relay.detail) == (State.DEGRADED, True)


def test_a_release_in_trouble_is_said_once_and_keeps_no_other_waiting(transactional_db: None) -> None:
    told: list[State] = []

    def tell(*, new: State, **_: Any) -> None:
        told.append(new)

    with transaction.atomic():
        verbs.pause("bad", "default", any_topic=True)
    broker = HalfDown()
    relay = Relay("default", RelaySettings(backoff_seconds=0.01), broker, BinaryEncoder("/test"))
    insert(0, "bad")
    relay._turn()
    with transaction.atomic():
        verbs.pause("other", "default", any_topic=True)
    insert(1, "other")
    relay._turn()
    with transaction.atomic():
        verbs.resume("bad", "default")
        verbs.resume("other", "default")
    signals.state_changed.connect(tell)
    try:
        for number in range(30):
            insert(number, "good")
            relay._release_at = 0.0
            relay._turn()
            relay._stop.wait(0.005)
    finally:
        signals.state_changed.disconnect(tell)
        relay._leave()
    assert told == [State.DEGRADED]
    assert sorted({record.topic for record in broker.records}) == ["good", "other"]
    assert len(broker.records) == 31


class SlowlyDown(HalfDown):
    """An attempt at topic ``bad`` takes a while, as with a partition that has no leader."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        if records[0].topic == "bad":
            time.sleep(ATTEMPT_SECONDS)
        return super().publish(records)


def test_attempts_that_take_long_leave_others_as_much_time(transactional_db: None) -> None:
    divide(2)
    relay = Relay("default", RelaySettings(backoff_seconds=0.01), SlowlyDown(), BinaryEncoder("/test"))
    insert(200, "good")
    relay._turn()
    insert(0, "bad")
    relay._turn()
    bad = relay.shards[0]
    assert bad.trouble
    assert bad._publishing.left <= 0.01, "it may be an outage for all: it is tried again at once"
    insert(200, "good")

    def waits() -> bool:
        relay._turn()
        return bad._publishing.left >= ATTEMPT_SECONDS / 2

    wait_until(waits, 20, "the attempts leave time for others")
    assert len(relay._courier._publisher.records) == 2  # type: ignore[attr-defined]
    relay._leave()


def test_a_slow_release_leaves_new_events_as_much_time(transactional_db: None) -> None:
    relay = Relay("default", RelaySettings(backoff_seconds=0.01), SlowlyDown(), BinaryEncoder("/test"))
    with transaction.atomic():
        verbs.pause("bad", "default", any_topic=True)
    insert(0, "bad")
    relay._turn()
    with transaction.atomic():
        verbs.resume("bad", "default")
    relay._release_at = 0.0
    relay._turn()
    (shard,) = relay.shards.values()
    assert shard._releasing.left > ATTEMPT_SECONDS / 2
    relay._leave()


def test_all_free_shards_are_taken_at_once(transactional_db: None) -> None:
    divide(64)
    relay = Relay("default", RelaySettings(), MemoryPublisher(), BinaryEncoder("/test"))
    relay._turn()
    owned = len(relay.shards)
    relay._leave()
    assert owned == 64


def test_leases_are_looked_after_between_short_waves(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    ticks: list[int] = []
    office.shard._crew = replace(office.shard._crew, tick=lambda: ticks.append(1))
    office.broker._batch_bytes = 1  # each record a wave
    w.insert("a", 50)
    w.commit()
    office.shard.step()
    assert len(ticks) >= 50


def test_a_release_of_many_holds_ends_when_the_relay_stops(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    office.broker._max_record_bytes = 1
    for n in range(20):
        w.insert(f"key-{n}")
    w.commit()
    assert office.drain() == []
    office.broker._max_record_bytes = 1_000_000
    with transaction.atomic():
        Hold.objects.all().release()
    office.shard._crew = replace(office.shard._crew, stopping=lambda: True)
    assert office.shard.release()
    assert len(office.broker.records) == 1
    office.shard._crew = replace(office.shard._crew, stopping=lambda: False)
    assert len(office.drain()) == 19
    assert not Hold.objects.exists()


def test_a_pause_during_an_outage_holds_for_the_page_in_hand(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a", 3)
    w.commit()
    office.broker.available = False
    with pytest.raises(PublisherUnavailable):
        office.shard.step()
    with transaction.atomic():
        verbs.pause("t", "default", any_topic=True)
    office.broker.available = True
    assert office.drain() == []
    assert Held.objects.count() == 3


def test_a_relay_that_lost_its_database_can_be_stopped(transactional_db: None) -> None:
    broker = MemoryPublisher()
    relay = Relay("default", RelaySettings(), broker, BinaryEncoder("/test"))
    relay._turn()
    assert relay._session is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [relay._session.connection.info.backend_pid])
    relay._stop.ask()
    relay.run()
    assert not broker.available, "it was not closed"


def test_changing_the_shards_deposes_nobody_who_owns_a_new_one(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, me = Session("default"), uuid4()
    change = positions._replace

    def then_taken(using: str, *arguments: Any, **options: Any) -> Any:
        transaction.on_commit(lambda: Lease.acquire(session, me, 5.0), using=using)
        return change(using, *arguments, **options)

    monkeypatch.setattr(positions, "_replace", then_taken)
    try:
        divide(1)
    finally:
        session.close()
    assert Shard.objects.get().owner == me


def test_a_dry_run_and_a_renewal_are_not_in_each_others_way(
    desk: Desks, writer: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, w = desk(), writer()
    w.insert("a", 3)
    w.commit()
    renumber = positions._renumber

    def then_renewed(using: str, **options: Any) -> Any:
        done = renumber(using, **options)
        assert office.shard.lease.renew(office.session)
        return done

    monkeypatch.setattr(positions, "_renumber", then_renewed)
    assert positions.rebase("default", 60.0, dry_run=True).renumbered == 3
    assert office.drain() == ["a:1", "a:2", "a:3"]


def test_a_sparse_shard_reads_a_window_of_others_once(desk: Desks) -> None:
    divide(2)
    office = desk(page_rows=10)
    assert office.shard.lease.shard == 0
    for _ in range(20):
        insert(200, "t", 200)
        insert(0, "t")
    statements: list[str] = []
    fetch = office.session.fetch

    def counted(name: str, parameters: Any) -> Any:
        statements.append(name)
        return fetch(name, parameters)

    office.session.fetch = counted  # type: ignore[method-assign]
    assert len(office.drain()) == 20
    assert statements.count("first") <= 2
    assert statements.count("walk") <= 4_020 / (10 * 8) + 22


def test_thousands_of_holds_are_looked_up_by_hash(transactional_db: None) -> None:
    session = Session("default")
    try:
        parameters = {"topics": ["t"], "keys": ["key-1"], "ids": [1]}
        plan = session.connection.execute("EXPLAIN " + qualified("holds", ""), parameters).fetchall()
    finally:
        session.close()
    assert sum("hashed" in line for (line,) in plan) == 1, plan


HAMMERED = """
import signal
from relay.stopping import Stopping
for round in range(400):
    stopping = Stopping()
    signal.signal(signal.SIGALRM, lambda *_: stopping.ask())
    signal.setitimer(signal.ITIMER_REAL, 0.0005 + round % 7 * 0.00013, 0)
    while not stopping.wait(0.0002):
        pass
"""


def test_a_signal_at_any_moment_is_noted_and_hangs_nobody() -> None:
    subprocess.run([sys.executable, "-c", HAMMERED], check=True, timeout=60)


def test_a_drain_waits_for_the_shards_of_a_relay_that_died(transactional_db: None) -> None:
    divide(2)
    Shard.objects.filter(id=1).update(owner=uuid4(), lease_until=Now() + timedelta(seconds=0.7))
    insert(0, "t")
    insert(200, "t")
    broker = MemoryPublisher()
    relay = Relay("default", RelaySettings(lease_seconds=1), broker, BinaryEncoder("/test"))
    relay.run(drain=True)
    assert len(broker.records) == 2
