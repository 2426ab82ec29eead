"""A position of another history of the database is refused, and one of this history never is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from outbox.errors import PositionNotOfThisHistory
from outbox.models import Checkpoint, OutboxEvent, Shard, Statistics
from outbox.positions import reshard
from tests.relay.conftest import Desk, Writer

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def published(office: Desk, w: Writer) -> None:
    w.insert("a", 3)
    w.commit()
    office.drain()


def test_a_position_ahead_of_the_database_is_refused(desk: Desks, writer: Writers) -> None:
    office = desk()
    published(office, writer())
    Checkpoint.objects.update(lo="900000000:900000000:", hi=None, pos=None)
    with pytest.raises(PositionNotOfThisHistory, match="outbox_rebase"):
        office.reopen()


def test_events_of_transactions_yet_to_come_are_refused(desk: Desks, writer: Writers) -> None:
    office = desk()
    published(office, writer())
    OutboxEvent.objects.filter(pk=OutboxEvent.objects.latest("id").pk).update(xid="900000000")
    with pytest.raises(PositionNotOfThisHistory, match="yet to come"):
        office.reopen()


def test_covered_events_younger_than_the_position_are_refused(desk: Desks, writer: Writers) -> None:
    office = desk()
    published(office, writer())
    Checkpoint.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    with pytest.raises(PositionNotOfThisHistory, match="younger"):
        office.reopen()


def test_an_open_transaction_that_the_position_takes_for_complete_is_refused(
    desk: Desks, writer: Writers
) -> None:
    office, w, other = desk(), writer(), writer()
    published(office, w)
    other.insert("open")
    w.insert("b")
    w.commit()
    row = w.connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    w.commit()
    assert row is not None
    Checkpoint.objects.update(lo=f"{row[0]}:{row[0]}:", hi=None, pos=None)
    with pytest.raises(PositionNotOfThisHistory, match="open"):
        office.reopen()


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
    Checkpoint.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    before = Checkpoint.objects.latest("epoch", "seq")
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(minutes=4))
    office.shard.tidy()
    office.shard.tidy()
    assert list(Checkpoint.objects.all()) == [before]
    events = sum(Statistics.objects.values_list("events", flat=True)) + before.events
    assert events == before.published == 9
    assert office.reopen().step() is False


def test_what_a_clock_ahead_has_dated_is_rolled_up_as_well(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    published(office, w)
    Checkpoint.objects.update(created_at=timezone.now() + timedelta(days=1))
    office.reopen()
    for _ in range(3):
        published(office, w)
    office.shard.tidy()
    latest = Checkpoint.objects.get()
    assert latest.published == sum(Statistics.objects.values_list("events", flat=True)) + latest.events == 12


def test_many_checkpoints_are_rolled_up_in_pieces(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    for _ in range(7):
        published(office, w)
    Checkpoint.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    before = Checkpoint.objects.count()
    assert office.shard._checkpoints.roll_up(120, most=3)
    assert Checkpoint.objects.count() == before - 3
    while office.shard._checkpoints.roll_up(120, most=3):
        pass
    assert Checkpoint.objects.count() == 1


def test_who_has_lost_its_shard_tidies_nothing(desk: Desks, writer: Writers) -> None:
    """Whoever changes the shards does the same to all of them, and neither may be in the other's way."""
    office, w = desk(), writer()
    published(office, w)
    Checkpoint.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    before = Checkpoint.objects.count()
    assert before > 1
    Shard.objects.update(epoch=99)
    office.shard.tidy()
    assert Checkpoint.objects.count() == before
