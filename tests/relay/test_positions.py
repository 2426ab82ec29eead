"""Shards split and merged, and positions carried into another history, with nothing lost and each key in
order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from outbox.errors import PositionNotOfThisHistory
from outbox.models import Checkpoint, Held, OutboxEvent, Shard
from outbox.operations import pausing
from outbox.operations.resharding import plan, rebase, reshard
from relay.cluster.lease import Lease, renew
from relay.context import Context
from relay.errors import Fenced
from relay.shard.owned import OwnedShard
from tests.relay.conftest import LEASE_SECONDS, Desk, Writer, payloads, wait_for_lock

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
KEYS = [f"key-{n}" for n in range(12)]


def write(w: Writer, count: int = 1) -> None:
    for key in KEYS:
        w.insert(key, count)
    w.commit()


def owned(office: Desk) -> list[OwnedShard]:
    """All shards, taken by one desk."""
    context = Context(office.sender, office.shard._context.encode, office.settings, office.link, lambda: None)
    shards = []
    while (lease := Lease.acquire(office.session, uuid4(), LEASE_SECONDS)) is not None:
        shards.append(OwnedShard(office.session, lease, context, office.stretches))
    return shards


def drain(office: Desk) -> None:
    shards = owned(office)
    while sum(shard.step() for shard in shards):
        pass
    for shard in shards:
        shard.lease.release(office.session)


def in_order(office: Desk, count: int) -> bool:
    """Whether every key was published from 1 to ``count``, first occurrences in order."""
    published = payloads(office.broker.records)
    return all(
        list(dict.fromkeys(p for p in published if p.startswith(f"{key}:")))
        == [f"{key}:{n}" for n in range(1, count + 1)]
        for key in KEYS
    )


@pytest.mark.parametrize("path", [(4,), (4, 1), (3, 5, 2), (256, 1)])
def test_shards_split_and_merge_with_nothing_lost_doubled_or_out_of_order(
    desk: Desks, writer: Writers, path: tuple[int, ...]
) -> None:
    office, w, late = desk(page_rows=5), writer(), writer()
    write(w, 2)
    office.shard.step()
    office.shard.step()
    office.shard.lease.release(office.session)
    late.insert("late")
    written = 2
    for count in path:
        reshard("default", count)
        assert Shard.objects.count() == count
        write(w)
        written += 1
        shards = owned(office)
        shards[0].step()
        for shard in shards:
            shard.lease.release(office.session)
    late.commit()
    drain(office)
    assert in_order(office, written)
    published = payloads(office.broker.records)
    assert "late:1" in published
    assert len(published) == len(set(published))
    last = [Checkpoint.objects.filter(shard=s).order_by("-epoch", "-seq")[0] for s in Shard.objects.all()]
    assert sum(c.published for c in last) == len(published)


def test_the_owner_before_a_split_is_fenced(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    write(w)
    reshard("default", 2)
    with pytest.raises(Fenced):
        office.shard.step()
    assert renew(office.session, [office.shard.lease]) == [office.shard.lease]


def test_a_plan_and_a_dry_run_change_nothing(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    write(w)
    before = list(Shard.objects.values()), list(OutboxEvent.objects.values_list("xid", flat=True))
    assert len(plan("default", 3).shards) == 3
    rebase("default", 300.0, dry_run=True)
    assert (list(Shard.objects.values()), list(OutboxEvent.objects.values_list("xid", flat=True))) == before
    assert office.shard.step()


@pytest.mark.parametrize("count", ["0", "257", "-1"])
def test_a_number_of_shards_that_cannot_be_is_a_usage_error(transactional_db: None, count: str) -> None:
    with pytest.raises(CommandError, match="1 to 256") as caught:
        call_command("outbox_shards", "--", count)
    assert caught.value.returncode == 2


def restore_into_lower_transaction_ids(w: Writer) -> None:
    """What a dump brings along: rows and a position whose transaction ids are far ahead of this cluster's."""
    w.connection.execute("UPDATE outbox_event SET xid = (xid::text::bigint + 100000000)::text::xid8")
    w.connection.execute(
        """
        UPDATE outbox_checkpoint SET hi = NULL, pos = NULL, lo = format('%s:%s:', ahead, ahead)::pg_snapshot
        FROM (SELECT id, pg_snapshot_xmax(lo)::text::bigint + 100000000 AS ahead FROM outbox_checkpoint) AS
        moved WHERE moved.id = outbox_checkpoint.id
        """
    )
    w.commit()


def test_after_a_restore_into_lower_transaction_ids_nothing_is_lost(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    write(w, 3)
    office.drain()
    published = len(office.broker.records)
    write(w)
    restore_into_lower_transaction_ids(w)
    write(w)
    with pytest.raises(PositionNotOfThisHistory):
        office.reopen()
    office.shard.lease.release(office.session)
    rebase("default", 0.0)
    drain(office)
    assert in_order(office, 5)
    assert len(office.broker.records) == published + 2 * len(KEYS)


def test_the_margin_publishes_again_what_is_younger(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    write(w)
    office.drain()
    office.shard.lease.release(office.session)
    rebase("default", 3600.0)
    drain(office)
    assert len(office.broker.records) == 2 * len(KEYS)
    assert in_order(office, 1)


def test_what_was_held_before_a_restore_waits_on_and_is_released_in_order(
    desk: Desks, writer: Writers
) -> None:
    office, w = desk(), writer()
    write(w)
    office.drain()
    with transaction.atomic():
        pausing.pause("t", "default", any_topic=True)
    write(w)
    office.drain()
    assert Held.objects.count() == len(KEYS)
    restore_into_lower_transaction_ids(w)
    with pytest.raises(PositionNotOfThisHistory):
        office.reopen()
    office.shard.lease.release(office.session)
    rebase("default", 3600.0)
    office.open()
    write(w)
    office.drain()
    assert Held.objects.count() == 3 * len(KEYS)  # the first ones come again, too
    with transaction.atomic():
        pausing.resume("t", "default")
    office.drain()
    assert in_order(office, 3)
    again = len(KEYS)
    assert len(office.broker.records) == 3 * len(KEYS) + again


def test_shards_are_changed_only_when_a_checkpoint_under_way_is_over(desk: Desks, writer: Writers) -> None:
    office, slow = desk(), writer()
    office.shard.lease.release(office.session)
    slow.connection.execute(
        """
        INSERT INTO outbox_checkpoint (shard_id, epoch, seq, lo, published, events, bytes, latency_ms)
        SELECT id, epoch, 99, '9:9:', 0, 0, 0, 0 FROM outbox_shard FOR KEY SHARE
        """
    )
    change = Thread(target=in_thread, args=(partial(reshard, "default", 2),))
    change.start()
    try:
        wait_for_lock("outbox_shard")
    finally:
        slow.commit()
        change.join(60)
    assert [checkpoint.lo for checkpoint in Checkpoint.objects.all()] == ["9:9:", "9:9:"]


def in_thread(deed: Callable[[], object]) -> None:
    try:
        deed()
    finally:
        connections.close_all()
