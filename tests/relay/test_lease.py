"""One owner per shard, takeover within the lease, and nothing written by an epoch that is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from outbox.log.position import Position
from outbox.models import Checkpoint, Held, Shard
from relay.cluster.connected import Connected
from relay.cluster.lease import Lease, renew
from relay.conf import RelaySettings
from relay.context import Context
from relay.errors import Fenced, LeaseLost
from relay.log.checkpoint import Checkpoints, Tally
from relay.log.link import Link
from relay.log.session import Session
from tests.relay.conftest import Desk, Writer, wait_for_lock

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


class Owned:
    """A shard of a relay that does nothing."""

    def __init__(self, number: int) -> None:
        self.lease = Lease(uuid4(), number, 0, 255, 1, 5.0, deadline=float("inf"), renew_at=0.0)


def expire() -> None:
    Shard.objects.update(lease_until="2000-01-01T00:00:00Z")


def test_a_shard_has_one_owner(desk: Desks) -> None:
    office = desk()
    assert Lease.acquire(office.session, uuid4(), 5.0) is None


def test_every_lease_that_is_lost_is_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records may be in flight under any of them."""
    monkeypatch.setattr("relay.cluster.connected.renew", lambda _, leases: leases)
    context = Context(None, None, RelaySettings(), Link(1.0), lambda: None)  # type: ignore[arg-type]
    connected = Connected(None, None, context, None)  # type: ignore[arg-type]
    connected.shards = {number: Owned(number) for number in range(3)}  # type: ignore[misc]
    with pytest.raises(LeaseLost):
        connected.renew()
    assert [shard.lease.deadline for shard in connected.shards.values()] == [0.0, 0.0, 0.0]


def test_of_many_that_try_at_once_one_gets_it(transactional_db: None) -> None:
    won: list[Lease] = []
    gate = threading.Barrier(8)

    def attempt() -> None:
        session = Session("default")
        gate.wait()
        lease = Lease.acquire(session, uuid4(), 5.0)
        if lease is not None:
            won.append(lease)
        session.close()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_every_new_owner_has_a_larger_epoch(desk: Desks) -> None:
    office = desk()
    first = office.shard.lease.epoch
    assert office.reopen().lease.epoch == first + 1


def test_a_lease_is_renewed_by_its_owner_only(desk: Desks) -> None:
    office = desk()
    lease = office.shard.lease
    assert renew(office.session, [lease]) == []
    stranger = Lease(uuid4(), lease.shard, lease.first, lease.last, lease.epoch, 5.0, 0.0, 0.0)
    assert renew(office.session, [stranger]) == [stranger]


def test_an_expired_lease_is_never_revived(desk: Desks) -> None:
    office = desk()
    expire()
    assert renew(office.session, [office.shard.lease]) == [office.shard.lease]
    assert Lease.acquire(office.session, uuid4(), 5.0) is not None


def test_the_local_deadline_is_never_later_than_the_databases(desk: Desks) -> None:
    office = desk()
    lease = office.shard.lease
    for _ in range(5):
        assert renew(office.session, [lease]) == []
        ends = time.time() + lease.remaining
        until = Shard.objects.get().lease_until
        assert until is not None
        assert ends <= until.timestamp() + 0.001


def test_a_stale_epoch_writes_no_checkpoint(desk: Desks, writer: Writers) -> None:
    zombie, w = desk(), writer()
    w.insert("a")
    w.commit()
    expire()
    desk().drain()
    before = Checkpoint.objects.count()
    with pytest.raises(Fenced):
        zombie.shard.step()
    assert Checkpoint.objects.count() == before
    assert not Held.objects.exists()


def test_a_checkpoint_waits_for_a_takeover_and_is_fenced_by_it(desk: Desks, writer: Writers) -> None:
    """The takeover locks the lease's row first; without the KEY SHARE the old epoch's row would land behind
    it.
    """
    office, usurper = desk(), writer()
    usurper.connection.execute("SELECT FROM outbox_shard FOR UPDATE")
    checkpoints = Checkpoints(office.session, office.shard.lease)
    result: list[object] = []

    def move() -> None:
        try:
            checkpoints.move(Position(), Tally())
        except Fenced as error:
            result.append(error)

    thread = threading.Thread(target=move)
    thread.start()
    wait_for_lock("outbox_checkpoint")
    usurper.connection.execute("UPDATE outbox_shard SET epoch = epoch + 1, owner = gen_random_uuid()")
    usurper.commit()
    thread.join(60)
    assert len(result) == 1


def test_the_renewal_passes_while_a_checkpoint_is_written(desk: Desks, writer: Writers) -> None:
    office, slow = desk(), writer()
    slow.connection.execute("SELECT FROM outbox_shard FOR KEY SHARE")
    office.session.connection.execute("SET lock_timeout = '2s'")
    assert renew(office.session, [office.shard.lease]) == []


def test_the_latest_position_is_that_of_the_highest_epoch(desk: Desks) -> None:
    office = desk()
    lease = office.shard.lease
    mine = Checkpoints(office.session, lease)
    mine._seq = office.shard._checkpoints._seq
    mine.move(Position(), Tally(events=3))
    Checkpoint.objects.create(shard_id=0, epoch=lease.epoch - 1, seq=99, lo="9:9:", published=1)
    assert Checkpoints(office.session, lease).published == 3


def test_no_wave_is_handed_over_with_too_little_of_the_lease_left(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    office.sender._margin = 60.0
    w.insert("a")
    w.commit()
    with pytest.raises(LeaseLost):
        office.shard.step()
    assert office.broker.records == []


def test_a_database_that_cannot_store_a_position_is_found_before_anything_is_sent(
    desk: Desks, writer: Writers
) -> None:
    office, w = desk(), writer()
    w.insert("a")
    w.connection.execute("ALTER TABLE outbox_checkpoint ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    w.commit()
    try:
        with pytest.raises(psycopg.Error, match="full_disk"):
            office.reopen().step()
        assert office.broker.records == []
    finally:
        w.connection.execute("ALTER TABLE outbox_checkpoint DROP CONSTRAINT full_disk")
        w.commit()
    assert office.open().step()
