"""Nothing keeps a relay from what must not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from outbox.models import Hold, Shard
from outbox.operations import resharding
from outbox_core.process.stopping import StopToken
from outbox_core.wire.encode import BinaryEncoder
from relay.cluster.lease import Lease, renew
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.log.session import Session, qualified
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import Desk, Writer, divide, insert

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
ATTEMPT_SECONDS = 0.5


def test_all_free_shards_are_taken_at_once(transactional_db: None) -> None:
    divide(64)
    relay = Relay("default", RelaySettings(), MemoryPublisher(), BinaryEncoder("/test"))
    relay.turn()
    owned = len(relay.shards)
    relay.leave()
    assert owned == 64


def test_leases_are_looked_after_between_short_waves(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    ticks: list[int] = []
    office.shard._context = replace(office.shard._context, tick=lambda: ticks.append(1))
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
    releases = office.shard._hold_releases
    releases._context = replace(releases._context, stopping=lambda: True)
    assert office.shard.release()
    assert len(office.broker.records) == 1
    releases._context = replace(releases._context, stopping=lambda: False)
    assert len(office.drain()) == 19
    assert not Hold.objects.exists()


def test_a_relay_that_lost_its_database_can_be_stopped(transactional_db: None) -> None:
    broker = MemoryPublisher()
    relay = Relay("default", RelaySettings(), broker, BinaryEncoder("/test"))
    relay.turn()
    assert relay.connected is not None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(%s, 5000)",
            [relay.connected.session.connection.info.backend_pid],
        )
    relay.stop()
    relay.run()
    assert not broker.available, "it was not closed"


def test_changing_the_shards_deposes_nobody_who_owns_a_new_one(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, me = Session("default"), uuid4()
    change = resharding._replace

    def then_taken(using: str, *arguments: Any, **options: Any) -> Any:
        transaction.on_commit(lambda: Lease.acquire(session, me, 5.0), using=using)
        return change(using, *arguments, **options)

    monkeypatch.setattr(resharding, "_replace", then_taken)
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
    renumber = resharding._renumber

    def then_renewed(using: str, **options: Any) -> Any:
        done = renumber(using, **options)
        assert renew(office.session, [office.shard.lease]) == []
        return done

    monkeypatch.setattr(resharding, "_renumber", then_renewed)
    assert resharding.rebase("default", 60.0, dry_run=True).renumbered == 3
    assert office.drain() == ["a:1", "a:2", "a:3"]


def test_thousands_of_holds_are_looked_up_by_hash(transactional_db: None) -> None:
    session = Session("default")
    try:
        parameters = {"topics": ["t"], "keys": ["key-1"], "ids": [1]}
        plan = session.connection.execute("EXPLAIN " + qualified("holds/holds", ""), parameters).fetchall()
    finally:
        session.close()
    assert sum("hashed" in line for (line,) in plan) == 1, plan


def test_a_drain_waits_for_the_shards_of_a_relay_that_died(transactional_db: None) -> None:
    divide(2)
    Shard.objects.filter(id=1).update(owner=uuid4(), lease_until=Now() + timedelta(seconds=0.7))
    insert(0, "t")
    insert(200, "t")
    broker = MemoryPublisher()
    relay = Relay("default", RelaySettings(), broker, BinaryEncoder("/test"))
    assert relay.run(drain=True)
    assert len(broker.records) == 2


def test_a_drain_waits_for_what_another_relay_has_not_published(transactional_db: None) -> None:
    """The other one is alive and does not get on, as one that Kafka does not answer."""
    Shard.objects.update(owner=uuid4(), lease_until=Now() + timedelta(seconds=60))
    insert(0, "t")
    stop, relay_settings = StopToken(), RelaySettings(lease_seconds=1)
    relay = Relay("default", relay_settings, MemoryPublisher(), BinaryEncoder("/test"), stop)
    timer = threading.Timer(2.5, stop.request)
    timer.start()
    assert not relay.run(drain=True)
    assert stop.requested
    timer.join()
