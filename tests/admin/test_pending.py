"""What is pending and what is published follows from the position alone, however it came about."""

from __future__ import annotations

from random import Random

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from outbox import status
from outbox.log.position import NOTHING, Position, Snapshot
from outbox.models import Checkpoint, EventStatus, OutboxEvent, Shard
from tests.admin.conftest import Log


def statuses() -> dict[int, str]:
    return {event.pk: event.status for event in OutboxEvent.objects.with_status()}


def lag() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT outbox_lag()")
        return int(cursor.fetchone()[0])


def snapshot(random: Random, xids: range, earlier: Snapshot = NOTHING) -> Snapshot:
    """A snapshot taken at some time after an earlier one: what that one saw, this one sees."""
    xmax = random.randint(max(earlier.xmax, xids.start), xids.stop)
    running = [xid for xid in range(xids.start, xmax) if not earlier.sees(xid) and random.random() < 0.3]
    return Snapshot(running[0] if running else xmax, xmax, tuple(running))


@pytest.mark.parametrize("seed", range(25))
def test_pending_is_what_the_position_does_not_cover(log: Log, seed: int) -> None:
    """Random histories, two shards at positions of their own; ids and transactions in no common order."""
    random, xids = Random(seed), range(1, 30)
    log.split(random.randrange(1, 256))
    rows = {}
    for _ in range(60):
        xid, bucket = random.choice(xids), random.randrange(256)
        rows[log.insert(xid, bucket=bucket)] = (xid, bucket)
    positions: dict[int, Position] = {}
    for shard in Shard.objects.all():
        lo = snapshot(random, xids)
        hi = random.choice([None, snapshot(random, xids, lo)])
        positions[shard.id] = position = Position(lo, hi, random.choice(list(rows)) if hi else None)
        if random.random() < 0.1:
            positions[shard.id] = Position()
            continue
        log.position(str(lo), str(hi) if hi else None, position.pos, shard=shard.id)
    first_of_second = Shard.objects.get(pk=1).first_bucket
    covered = {
        row: positions[int(bucket >= first_of_second)].covers(xid, row) for row, (xid, bucket) in rows.items()
    }
    waiting = {row for row, is_covered in covered.items() if not is_covered}
    assert set(OutboxEvent.objects.pending().values_list("pk", flat=True)) == waiting
    assert status.read().pending == lag() == len(waiting)
    assert statuses() == {
        row: EventStatus.PUBLISHED if is_covered else EventStatus.PENDING
        for row, is_covered in covered.items()
    }
    assert set(OutboxEvent.objects.published().values_list("pk", flat=True)) == set(rows) - waiting


def test_without_a_checkpoint_everything_is_pending(log: Log) -> None:
    event = log.insert(5)
    assert statuses() == {event: "pending"}
    assert status.read().pending == 1


def test_the_latest_checkpoint_counts_by_epoch_then_sequence(log: Log) -> None:
    event = log.insert(5)
    Checkpoint.objects.create(shard_id=0, epoch=2, seq=1, lo="9:9:")
    Checkpoint.objects.create(shard_id=0, epoch=1, seq=7, lo="1:1:")
    assert statuses() == {event: "published"}


def test_an_event_that_is_held_or_discarded_is_neither_pending_nor_published(log: Log) -> None:
    held, discarded = log.insert(5), log.insert(6)
    log.position("9:9:")
    log.hold(held, discarded)
    log.discard(discarded, "broken since the import")
    assert statuses() == {held: "held", discarded: "discarded"}
    assert [event.pk for event in OutboxEvent.objects.held()] == [held]
    assert [event.pk for event in OutboxEvent.objects.discarded()] == [discarded]
    assert not OutboxEvent.objects.published().exists()


def test_the_status_of_a_page_of_events_is_one_query(
    log: Log, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    log.fill(100)
    log.position("50:50:")
    with django_assert_num_queries(1):
        assert {event.status for event in OutboxEvent.objects.with_status()} == {"pending", "published"}
