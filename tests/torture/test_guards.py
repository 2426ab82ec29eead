"""What is left to each single guard when the others do not help."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from outbox.log.position import Position, Snapshot
from outbox.models import Checkpoint
from relay.cluster.lease import Lease
from relay.errors import Fenced
from relay.log.checkpoint import Checkpoints, Tally
from tests.relay.conftest import Desk, Writer, desk, nothing_before, writer

__all__ = ["desk", "nothing_before", "writer"]
Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def test_an_event_that_uses_a_forgotten_transaction_id_again_is_published(
    desk: Desks, writer: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash: the id of a transaction that was complete and never flushed belongs to another."""
    office, w, forgotten = desk(), writer(), writer()
    row = forgotten.connection.execute("SELECT pg_current_xact_id()::text").fetchone()
    assert row is not None
    forgotten.rollback()
    w.insert("a")
    w.commit()
    publish = office.broker.publish

    def crash_meanwhile(records: object) -> object:
        w.connection.execute("DELETE FROM outbox_incarnation")
        (event,) = w.insert("b")
        w.connection.execute("UPDATE outbox_event SET xid = %s::text::xid8 WHERE id = %s", (row[0], event))
        w.commit()
        return publish(records)  # type: ignore[arg-type]

    monkeypatch.setattr(office.broker, "publish", crash_meanwhile)
    with pytest.raises(Fenced):
        office.shard.step()
    monkeypatch.setattr(office.broker, "publish", publish)
    office.reopen()
    assert sorted(office.drain()) == ["a:1", "b:1"]


def test_an_epoch_is_over_also_for_its_own_relay(desk: Desks) -> None:
    """A relay that takes a shard again must not be overtaken by what it sent before."""
    office = desk()
    before = Checkpoints(office.session, office.shard.lease)
    office.shard.lease.release(office.session)
    again = Lease.acquire(office.session, office.owner, 5.0)
    assert again is not None
    with pytest.raises(Fenced):
        before.move(Position(Snapshot(5, 5)), Tally())
    assert "5:5:" not in Checkpoint.objects.values_list("lo", flat=True)
