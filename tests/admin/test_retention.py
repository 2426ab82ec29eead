"""Pruning takes what is published and old, and is in nobody's way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from outbox.models import Held, Ledger, OutboxEvent
from outbox.operations import retention
from tests.admin.conftest import Log

DAY = 86_400
WEEK = timedelta(days=7)


def left() -> set[int]:
    return set(OutboxEvent.objects.values_list("pk", flat=True))


def prune() -> int:
    return sum(piece.deleted for piece in retention.prune(older_than=WEEK))


def test_only_what_is_published_and_old_goes(log: Log) -> None:
    old, young = log.insert(1, age=8 * DAY), log.insert(2, age=6 * DAY)
    pending, held = log.insert(50, age=9 * DAY), log.insert(3, age=9 * DAY)
    log.position("10:10:")
    log.hold(held)
    assert prune() == 1
    assert left() == {young, pending, held}
    assert old not in left()


def test_a_restored_database_is_refused_until_it_is_rebased(log: Log) -> None:
    event = log.insert(1, age=8 * DAY)
    log.position("900000000:900000000:")
    with pytest.raises(CommandError, match="outbox_rebase"):
        call_command("outbox_prune")
    assert left() == {event}


def test_nothing_goes_before_anything_is_published(log: Log) -> None:
    log.insert(1, age=8 * DAY)
    assert prune() == 0


def test_stragglers_and_the_rest_of_a_window_stay(log: Log) -> None:
    straggler, done, rest = (log.insert(xid, age=8 * DAY) for xid in (5, 12, 13))
    log.position("5:10:5", "5:20:5", done)
    assert prune() == 1
    assert left() == {straggler, rest}


def test_each_shard_is_judged_by_its_own_position(log: Log) -> None:
    log.split()
    first, second = log.insert(5, bucket=0, age=8 * DAY), log.insert(5, bucket=200, age=8 * DAY)
    log.position("3:3:", shard=0)
    log.position("9:9:", shard=1)
    assert prune() == 1
    assert left() == {first}
    assert second not in left()


def test_a_discarded_event_goes_with_its_row(log: Log) -> None:
    event = log.insert(1, age=8 * DAY)
    log.position("9:9:")
    log.hold(event)
    log.discard(event)
    assert prune() == 1
    assert not Held.objects.exists()


def test_it_goes_on_behind_what_stays(log: Log) -> None:
    kept = {log.insert(50, age=8 * DAY) for _ in range(5)}
    gone = {log.insert(1, age=8 * DAY) for _ in range(5)}
    log.position("10:10:")
    assert [piece.deleted for piece in retention.prune(older_than=WEEK, chunk=4)] == [0, 3, 2]
    assert left() == kept
    assert not gone & left()


def test_it_stops_where_nothing_is_old_any_more(log: Log) -> None:
    for age in (8, 8, 1, 1, 1, 1):
        log.insert(1, age=age * DAY)
    log.position("10:10:")
    assert [piece.deleted for piece in retention.prune(older_than=WEEK, chunk=2)] == [2]


def test_the_extent_of_what_is_old(log: Log) -> None:
    assert retention.extent(older_than=WEEK) is None
    ids = [log.insert(1, age=age * DAY) for age in (30, 20, 10, 5, 1)]
    assert retention.extent(older_than=WEEK) == (ids[0], ids[2])
    assert retention.extent(older_than=timedelta(days=40)) is None


def test_old_entries_of_the_ledger_are_pruned(log: Log, settings: Settings) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "LEDGER_DAYS": 100}
    for days in (99, 101):
        at = timezone.now() - timedelta(days=days)
        Ledger.objects.create(who="me", verb="hold", scope=str(days), at=at, last_at=at)
    out = StringIO()
    call_command("outbox_prune", dry_run=True, stdout=out)
    assert (Ledger.objects.count(), retention.prune_ledger(dry_run=True)) == (2, 1)
    call_command("outbox_prune", stdout=out)
    assert Ledger.objects.get().scope == "99"
    assert "Deleted 1 ledger row older than 100 days." in out.getvalue()


def test_the_command_tells_what_it_did(log: Log) -> None:
    log.insert(1, age=8 * DAY)
    log.position("10:10:")
    out = StringIO()
    call_command("outbox_prune", dry_run=True, stdout=out)
    call_command("outbox_prune", stdout=out)
    call_command("outbox_prune", stdout=out)
    assert out.getvalue().splitlines() == [
        "Would delete 1 published event older than 7 days.",
        "Deleted 1 published event older than 7 days.",
        "Deleted 0 published events older than 7 days.",
    ]
    with pytest.raises(CommandError, match="--older-than -1") as negative:
        call_command("outbox_prune", older_than=-1.0)
    assert negative.value.returncode == 2
    for endless in ("nan", "inf"):
        with pytest.raises(CommandError, match="not a number"):
            call_command("outbox_prune", "--older-than", endless)
    call_command("outbox_prune", "--older-than", "1e300", stdout=out)


@pytest.fixture
def elsewhere(transactional_db: None) -> psycopg.Connection:
    """A second connection to the test database, in a transaction."""
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    return psycopg.connect(**{name: parameters[name] for name in names if name in parameters})


def test_two_prunes_at_once_do_not_wait_for_each_other(elsewhere: psycopg.Connection) -> None:
    log = Log()
    locked, free = log.insert(1, age=8 * DAY), log.insert(2, age=8 * DAY)
    log.position("10:10:")
    with elsewhere, connection.cursor() as cursor:
        elsewhere.execute("DELETE FROM outbox_event WHERE id = %s", [locked])
        cursor.execute("SET lock_timeout = '2s'")
        try:
            assert prune() == 1
        finally:
            cursor.execute("RESET lock_timeout")
        assert left() == {locked}
        assert free not in left()


def test_an_insert_does_not_wait_for_a_prune(elsewhere: psycopg.Connection) -> None:
    log = Log()
    old = {log.insert(1, age=8 * DAY) for _ in range(2)}
    log.position("10:10:")
    seen: list[set[int]] = []

    def insert_before_it_commits(execute: Callable[..., object], sql: str, *rest: object) -> object:
        result = execute(sql, *rest)
        if "DELETE FROM outbox_event" in sql and not seen:
            elsewhere.execute("SET lock_timeout = '2s'")
            seen.append({row[0] for row in elsewhere.execute("SELECT id FROM outbox_event").fetchall()})
            elsewhere.execute(
                "INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, headers) "
                "VALUES (0, 't', 'k', 't', 'x', gen_random_uuid(), '{}')"
            )
        return result

    with elsewhere, connection.execute_wrapper(insert_before_it_commits), connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
        try:
            deleted = [piece.deleted for piece in retention.prune(older_than=WEEK, chunk=1)]
        finally:
            cursor.execute("RESET lock_timeout")
        assert seen == [old], "the writer came after the deletion and before its commit"
        assert deleted == [1, 1], "nor does the prune wait for an open writer"
