"""The ledger has what a relay did by itself: one row for an incident, in the transaction of the deed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from outbox.models import Hold, Ledger, OutboxEvent, Shard
from outbox.operations.resharding import plan, rebase, reshard
from outbox_core.operations import deeds
from relay.cluster.lease import Lease
from relay.engine import Relay
from relay.publishers.base import Failure, Trouble
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import Desk, Writer, running
from tests.relay.poison import poisoned, release
from tests.waiting import wait_until

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def told(*fields: str) -> list[Any]:
    """What the ledger has, without the shards that were taken over."""
    rows = Ledger.objects.exclude(verb=Ledger.Verb.TAKE_OVER).order_by("pk")
    return list(rows.values_list(*(fields or ("verb", "scope", "count", "outcome"))))


def fail_with(office: Desk, trouble: Trouble, bad: Callable[[Any], bool] = lambda _: True) -> None:
    publish = office.broker.publish

    def refuse(records):  # type: ignore[no-untyped-def]
        if not any(map(bad, records)):
            return publish(records)
        alone = len(records) == 1 or trouble is not Trouble.RECORD
        return [Failure(trouble, "no such thing") if alone or bad(r) else None for r in records]

    office.broker.publish = refuse  # type: ignore[method-assign]


def test_a_key_that_is_held_tried_in_vain_and_released(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    poisoned(office, w)
    office.drain()
    release()
    office.drain()
    office.broker._max_record_bytes = 10_000
    release()
    office.drain()
    assert told() == [
        ("hold", "key k of t", 1, "done"),
        ("retry", "key k of t", 1, "failed again"),
        ("release", "key k of t", 1, "done"),
    ]
    assert set(told("automatic", "selection__topic", "selection__key", "selection__cause")) == {
        (True, "t", "k", "poison")
    }
    assert {who.split()[0] for (who,) in told("who")} == {"relay"}
    assert told("before")[:2] == [("not published",), ("held: poison",)]
    event = OutboxEvent.objects.filter(key="k").earliest("pk")
    facts = {"topic": "t", "type": event.type}
    about = Ledger.objects.about
    assert about(event.created_at, key="k", **facts).count() == 3
    assert not about(event.created_at, key="other", **facts).exists()
    assert not about(event.created_at, key="k", **facts | {"topic": "u"}).exists()


def test_many_holds_of_one_cause_share_a_row(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    for number in range(30):
        w.insert(f"bad{number}")
    w.insert("good")
    w.commit()
    fail_with(office, Trouble.RECORD, lambda record: record.key.startswith(b"bad"))
    office.drain()
    assert Hold.objects.count() == 30
    assert told() == [("hold", "keys of t", 30, "done")]
    assert told("selection") == [({"topic": "t", "cause": "poison"},)]


def test_a_row_ends_so_that_its_versions_do_not_pile_up(
    desk: Desks, writer: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, w = desk(), writer()
    monkeypatch.setattr(deeds, "MOST", 10)
    for number in range(25):
        w.insert(f"bad{number}")
    w.commit()
    fail_with(office, Trouble.RECORD)
    office.drain()
    assert told("count") == [(10,), (10,), (5,)]
    Ledger.objects.update(at="2026-01-01T00:00:00Z")
    w.insert("bad-later")
    w.commit()
    office.drain()
    assert told("count")[3:] == [(1,)]


def test_a_topic_that_cannot_be_written_is_one_row_for_each_kind_of_deed(
    desk: Desks, writer: Writers
) -> None:
    office, w = desk(), writer()
    w.insert("a", 3)
    w.commit()
    publish = office.broker.publish
    fail_with(office, Trouble.TOPIC_MISSING)
    office.drain()
    for _ in range(3):
        release()
        office.shard.release()
    office.broker.publish = publish  # type: ignore[method-assign]
    release()
    office.drain()
    assert told() == [
        ("hold", "topic t", 1, "done"),
        ("retry", "topic t", 3, "failed again"),
        ("release", "topic t", 1, "done"),
    ]


def test_a_hold_that_the_ledger_cannot_have_is_not_made(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    fail_with(office, Trouble.RECORD)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE outbox_ledger ADD CONSTRAINT full_ledger CHECK (verb <> 'hold')")
    try:
        with pytest.raises(psycopg.errors.CheckViolation):
            office.drain()
        assert not Hold.objects.exists()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE outbox_ledger DROP CONSTRAINT full_ledger")


def test_a_takeover_names_the_owner_before(desk: Desks) -> None:
    office = desk()
    (first,) = Ledger.objects.values_list("verb", "scope", "before", "selection")
    assert first == ("take over", "shard 0", "no owner", {"shard": 0})
    Shard.objects.update(lease_until="2000-01-01T00:00:00Z")
    lease = Lease.acquire(office.session, uuid4(), 5.0)
    assert lease is not None
    entry = Ledger.objects.get()
    assert (entry.count, entry.scope, entry.selection) == (2, "several shards", {})
    assert Lease.acquire(office.session, lease.owner, 5.0, [lease.shard]) is None
    assert Ledger.objects.get().count == 2


@pytest.mark.usefixtures("transactional_db")
def test_resharding_and_rebasing_are_deeds_of_a_person_and_a_dry_run_is_none() -> None:
    plan("default", 3)
    reshard("default", 3)
    rebase("default", 60.0, dry_run=True)
    rebase("default", 60.0)
    entries = Ledger.objects.order_by("pk").values_list("verb", "scope", "before", "automatic")
    assert list(entries) == [
        ("reshard", "into 3 shards", "1 shards", False),
        ("rebase", "all 3 shards, margin 60 s", "", False),
    ]


@pytest.mark.usefixtures("transactional_db")
def test_a_relay_that_loses_its_database_again_and_again_writes_one_row() -> None:
    broker = MemoryPublisher()
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND query ~ 'outbox_'"
    )
    with running(broker) as relay:
        for _ in range(2):
            wait_until(lambda: bool(relay.shards), 30, "the relay owns the shard")
            lost = relay.connected
            with connection.cursor() as cursor:
                cursor.execute(kill)
            wait_until(partial(_connected_again, relay, lost), 30, "it connects again")
        wait_until(lambda: bool(relay.shards), 30, "the relay owns the shard")
    assert list(Ledger.objects.values_list("verb", "count")) == [("take over", 3)]


def _connected_again(relay: Relay, lost: object) -> bool:
    return relay.connected not in (lost, None)
