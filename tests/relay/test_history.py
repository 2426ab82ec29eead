"""A position of another history of the database is refused, and one of this history never is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from outbox import status
from outbox.errors import PositionNotOfThisHistory
from outbox.fields import CurrentXactId
from outbox.models import Checkpoint, OutboxEvent, Shard, Statistics
from outbox.operations import retention
from outbox.operations.resharding import rebase, reshard
from tests.relay.conftest import Desk, Writer

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def published(office: Desk, w: Writer) -> None:
    w.insert("a", 3)
    w.commit()
    office.drain()


def redate(by: timedelta) -> None:
    """Checkpoints of another time, written by their own transaction."""
    Checkpoint.objects.update(created_at=timezone.now() + by, xid=CurrentXactId())


def restored(w: Writer, table: str) -> None:
    """What a dump and its restore do to a table: the same rows, written by another transaction."""
    w.connection.execute(f"CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE {table}")
    w.connection.execute(f"DELETE FROM {table}")
    w.connection.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE kept")
    w.commit()


def test_a_position_ahead_of_the_database_is_refused(desk: Desks, writer: Writers) -> None:
    office = desk()
    published(office, writer())
    with transaction.atomic():
        Checkpoint.objects.update(lo="900000000:900000000:", hi=None, pos=None, xid=CurrentXactId())
    with pytest.raises(PositionNotOfThisHistory, match="outbox_rebase"):
        office.reopen()


def test_events_of_transactions_yet_to_come_are_refused(desk: Desks, writer: Writers) -> None:
    office = desk()
    published(office, writer())
    OutboxEvent.objects.filter(pk=OutboxEvent.objects.latest("id").pk).update(xid="900000000")
    with pytest.raises(PositionNotOfThisHistory, match="outbox_rebase"):
        office.reopen()


def test_so_are_they_before_anything_was_published(desk: Desks, writer: Writers) -> None:
    """They would be published again and again, as no position could ever cover them."""
    office, w = desk(), writer()
    Checkpoint.objects.all().delete()
    w.insert("a")
    w.connection.execute("UPDATE outbox_event SET xid = '900000000'")
    w.commit()
    with pytest.raises(PositionNotOfThisHistory, match="outbox_rebase"):
        office.reopen()


def test_a_restored_position_is_refused_by_everybody(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    published(office, w)
    restored(w, "outbox_checkpoint")
    with pytest.raises(PositionNotOfThisHistory):
        office.reopen()
    with pytest.raises(PositionNotOfThisHistory):
        list(retention.prune(older_than=timedelta()))
    with pytest.raises(PositionNotOfThisHistory):
        reshard("default", 2)
    report = status.read()
    assert (report.state, report.exit_code) == (status.State.REFUSED, 2)
    assert "outbox_rebase" in report.problems[0].remedy
    assert OutboxEvent.objects.count() == 3
    office.shard.lease.release(office.session)
    rebase("default", 0.0)
    assert status.read().state is not status.State.REFUSED
    assert office.open().step() is False


def test_a_copy_by_the_very_transaction_that_wrote_the_last_position_is_refused(
    desk: Desks, writer: Writers
) -> None:
    """Where the numbers happen to meet: one transaction cannot have the ids of both last checkpoints."""
    office, w = desk(), writer()
    published(office, w)
    restored(w, "outbox_checkpoint")
    latest = Checkpoint.objects.latest("epoch", "seq").pk
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE outbox_checkpoint")
        cursor.execute("UPDATE kept SET xid = pg_current_xact_id() WHERE id = %s", [latest])
        cursor.execute("DELETE FROM outbox_checkpoint")
        cursor.execute("INSERT INTO outbox_checkpoint OVERRIDING SYSTEM VALUE TABLE kept")
    with pytest.raises(PositionNotOfThisHistory):
        office.reopen()


def test_the_first_position_has_two_witnesses_already(desk: Desks, writer: Writers) -> None:
    desk()
    assert len(set(Checkpoint.objects.values_list("xid", flat=True))) == 2


@pytest.mark.parametrize(
    "deed",
    [
        "VACUUM (FREEZE) outbox_checkpoint",
        "VACUUM (FULL, FREEZE) outbox_checkpoint",
        "CLUSTER outbox_checkpoint USING outbox_checkpoint_position",
        "ALTER TABLE outbox_checkpoint ADD COLUMN note text NOT NULL DEFAULT 'x'",
        "REINDEX TABLE outbox_checkpoint",
    ],
)
def test_maintenance_leaves_a_position_believed(desk: Desks, writer: Writers, deed: str) -> None:
    office, w = desk(), writer()
    published(office, w)
    w.connection.autocommit = True
    try:
        w.connection.execute(deed)
        assert office.reopen().step() is False
    finally:
        w.connection.execute("ALTER TABLE outbox_checkpoint DROP COLUMN IF EXISTS note")


def test_old_open_transactions_do_not_make_a_position_suspicious(desk: Desks, writer: Writers) -> None:
    office, w, old = desk(), writer(), writer()
    old.insert("old")
    for _ in range(3):
        published(office, w)
        office.reopen()
    old.commit()
    assert office.drain() == ["old:1"]


def test_a_clock_that_was_ahead_and_is_set_right_does_not_make_a_position_suspicious(
    desk: Desks, writer: Writers
) -> None:
    office, w = desk(), writer()
    w.insert("ahead")
    w.connection.execute("UPDATE outbox_event SET created_at = clock_timestamp() + interval '1 hour'")
    w.commit()
    office.drain()
    assert Checkpoint.objects.latest("created_at").created_at >= OutboxEvent.objects.latest("id").created_at
    office.reopen()
    published(office, w)
    office.reopen()
    reshard("default", 4)
    reshard("default", 1)
    assert office.open().step() is False


def test_old_checkpoints_become_statistics_and_the_position_stays(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    for _ in range(3):
        published(office, w)
    redate(-timedelta(minutes=3))
    before = list(Checkpoint.objects.order_by("epoch", "seq"))[-2:]
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(minutes=4))
    office.shard.roll_up()
    office.shard.roll_up()
    assert list(Checkpoint.objects.order_by("epoch", "seq")) == before
    events = sum(Statistics.objects.values_list("events", flat=True)) + sum(kept.events for kept in before)
    assert events == before[-1].published == 9
    assert office.reopen().step() is False


def test_what_a_clock_ahead_has_dated_is_rolled_up_as_well(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    published(office, w)
    redate(timedelta(days=1))
    office.reopen()
    for _ in range(3):
        published(office, w)
    office.shard.roll_up()
    kept = list(Checkpoint.objects.filter(epoch=2))
    assert not Checkpoint.objects.filter(epoch=1).exists()
    events = sum(Statistics.objects.values_list("events", flat=True)) + sum(each.events for each in kept)
    assert events == Checkpoint.objects.latest("epoch", "seq").published == 12


def test_many_checkpoints_are_rolled_up_in_pieces(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    for _ in range(7):
        published(office, w)
    redate(-timedelta(minutes=3))
    before = Checkpoint.objects.count()
    assert office.shard._checkpoints.roll_up(120, most=3)
    assert Checkpoint.objects.count() == before - 3
    while office.shard._checkpoints.roll_up(120, most=3):
        pass
    assert Checkpoint.objects.count() == 2


def test_who_has_lost_its_shard_tidies_nothing(desk: Desks, writer: Writers) -> None:
    """Whoever changes the shards does the same to all of them, and neither may be in the other's way."""
    office, w = desk(), writer()
    published(office, w)
    redate(-timedelta(minutes=3))
    before = Checkpoint.objects.count()
    assert before > 1
    Shard.objects.update(epoch=99)
    office.shard.roll_up()
    assert Checkpoint.objects.count() == before
