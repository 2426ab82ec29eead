"""The state in a word, the problems with their remedies, and what it costs to ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from outbox import status
from outbox.models import Hold, Relay, Shard, Statistics
from outbox.status import State, Thresholds, reading
from outbox.status.diagnosis import diagnose
from tests.admin.conftest import Log


def silence(seconds: float) -> None:
    """Every relay was last heard so long ago."""
    Relay.objects.update(heartbeat_at=Now() - timedelta(seconds=seconds))


def test_with_a_relay_that_owns_the_shard_and_little_waiting_it_is_ok(log: Log) -> None:
    log.relay()
    log.insert(5)
    report = status.read()
    assert (report.state, report.problems, report.exit_code) == (State.OK, (), 0)
    assert (report.pending, report.relays_alive, report.shards[0].owner_name) == (1, 1, "web-1:4711")


def test_without_a_relay_it_says_so_whatever_else_there_is(log: Log) -> None:
    log.insert(5, age=500)
    log.hold(log.insert(6))
    report = status.read()
    assert report.state is State.NO_RELAY
    assert [problem.state for problem in report.problems] == [State.NO_RELAY, State.BEHIND, State.HELD]
    assert report.exit_code == 2


@pytest.mark.parametrize(("silent", "alive"), [(14.0, 1), (16.0, 0)])
def test_a_relay_is_alive_for_fifteen_seconds_after_its_last_sign(
    log: Log, silent: float, alive: int
) -> None:
    log.relay()
    silence(silent)
    assert status.read().relays_alive == alive


def test_the_last_relay_is_named_when_none_is_alive(log: Log) -> None:
    log.relay()
    silence(125)
    assert "web-1:4711, 2 min 5 s ago" in status.read().problems[0].text


def test_a_degraded_relay_degrades_the_outbox_and_says_why(log: Log) -> None:
    log.relay(state="degraded", detail="Kafka: no brokers available")
    report = status.read()
    assert report.state is State.DEGRADED
    assert "no brokers available" in report.problems[0].text


def test_a_shard_without_an_owner_degrades_it(log: Log) -> None:
    log.split()
    log.relay(owns=(0,))
    report = status.read()
    assert report.state is State.DEGRADED
    assert "Shard 1 (buckets 128-255) has no owner" in report.problems[0].text
    assert [shard.owner_name for shard in report.shards] == ["web-1:4711", None]


def test_who_keeps_relays_from_a_shard_is_named(log: Log) -> None:
    """They skip a row that is locked, and say nothing."""
    log.relay(owns=())
    assert "look at the relays' logs" in status.read().problems[0].remedy
    Shard.objects.select_for_update().get()
    report = status.read()
    assert report.shards[0].locked_by == connection.connection.info.backend_pid
    assert f"pg_terminate_backend({report.shards[0].locked_by})" in report.problems[0].remedy
    prepared = replace(report, problems=(), shards=(replace(report.shards[0], locked_by=0),))
    assert "pg_prepared_xacts" in diagnose(prepared, Thresholds()).problems[0].remedy


def test_a_lease_that_has_run_out_is_no_owner(log: Log) -> None:
    log.relay()
    Shard.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert status.read().shards[0].owner is None


def test_too_many_or_too_old_is_behind(log: Log) -> None:
    log.relay()
    log.fill(5)
    assert status.read(thresholds=Thresholds(max_pending=5)).state is State.OK
    assert status.read(thresholds=Thresholds(max_pending=4)).state is State.BEHIND
    log.insert(9, age=61)
    report = status.read()
    assert report.state is State.BEHIND
    assert "6 events wait to be published, the oldest for 1 min 1 s" in report.problems[0].text


def test_holds_are_counted_by_what_still_waits(log: Log) -> None:
    log.relay()
    first, second = log.insert(5), log.insert(6)
    log.position("9:9:")
    log.hold(first, second)
    log.discard(first)
    report = status.read()
    assert (report.state, report.exit_code, report.held, report.pending) == (State.HELD, 1, 1, 0)
    assert report.holds[0].where == "key k of test.notes"


def test_counts_stop_at_a_bound_and_say_so(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "COUNT_UP_TO", 10)
    log.fill(11)
    report = status.read(thresholds=Thresholds(max_pending=1))
    assert (report.pending, report.pending_capped) == (10, True)


def test_what_was_published_comes_from_checkpoints_and_from_statistics(log: Log) -> None:
    log.position("9:9:", events=30, published=90, latency_ms=10)
    log.position("10:10:", events=90, published=180, latency_ms=30)
    Statistics.objects.create(shard=0, minute=Now() - timedelta(minutes=30), events=77)
    Statistics.objects.create(shard=0, minute=Now() - timedelta(hours=2), events=1_000)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_statistics SET minute = date_trunc('minute', minute)")
    report = status.read()
    assert (report.rate, report.published) == (2.0, 180)
    assert (report.latency_ms, report.latency_ms_max) == (25.0, 30)
    assert len(report.minutes) == 60
    assert sum(report.minutes) == 30 + 90 + 77
    assert max(report.minutes[28:31]) == 77


def test_the_number_of_queries_does_not_depend_on_what_there_is(log: Log) -> None:
    with CaptureQueriesContext(connection) as empty:
        status.read()
    log.fill(300)
    log.split()
    for _ in range(20):
        log.relay()
    for number in range(20):
        log.hold(log.insert(400), key=f"k{number}")
    with CaptureQueriesContext(connection) as full:
        status.read()
    assert len(full) == len(empty) + 1, "examples of the causes"
    assert len([query for query in full if "SAVEPOINT" not in query["sql"]]) == 9


def test_groups_are_by_cause_topic_and_type_and_a_hold_is_counted_once(log: Log) -> None:
    log.hold(log.insert(1), log.insert(2, type="test.other"), log.insert(3), key=None, reason="topic-missing")
    log.hold(log.insert(4, key="a"), key="a")
    log.hold(log.insert(5, key="b"), log.insert(6, key="b"), key="b")
    log.hold(key=None, topic="test.quiet", reason="paused")
    Hold.objects.filter(key="b").update(attempts=3)
    report = status.read()
    groups = {(c.reason, c.topic, c.type): (c.holds, c.keys, c.events, c.attempts) for c in report.causes}
    assert groups == {
        ("poison", "test.notes", "test.note"): (2, 2, 3, 3),
        ("topic-missing", "test.notes", "test.note"): (1, 1, 2, 0),
        ("topic-missing", "test.notes", "test.other"): (0, 1, 1, 0),
        ("paused", "test.quiet", ""): (1, 0, 0, 0),
    }
    assert (report.held, report.holds_total) == (6, 4)


def test_a_new_failure_is_seen_behind_any_number_of_old_ones(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox.status.causes.GROUP_UP_TO", 4)
    for number in range(9):
        log.hold(log.insert(1, key=f"k{number}"), key=f"k{number}")
    log.hold(log.insert(2, type="test.new"), key=None, topic="test.new", reason="topic-forbidden")
    report = status.read()
    assert {(cause.type, cause.events, cause.capped) for cause in report.causes} == {
        ("test.note", 3, True),
        ("test.new", 1, True),
    }
    assert (report.held, report.held_capped) == (10, False)


def test_planner_settings_do_not_outlast_the_reading(log: Log) -> None:
    status.read()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('enable_seqscan'), current_setting('jit')")
        assert cursor.fetchone()[0] == "on"
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_missing_tables_are_a_status_with_the_command_that_makes_them(log: Log) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE outbox_hold RENAME TO elsewhere")
        report = status.read()
        transaction.set_rollback(True)
    assert (report.state, report.exit_code, report.pending) == (State.NOT_MIGRATED, 2, None)
    assert "outbox_hold" in report.problems[0].text
    assert "manage.py migrate outbox --database default" in report.problems[0].remedy


def test_an_outbox_without_shards_is_not_migrated(log: Log) -> None:
    log.relay()
    Shard.objects.all().delete()
    assert status.read().state is State.NOT_MIGRATED


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("poison", "outbox_release"),
        ("paused", "outbox_resume"),
        ("topic-missing", "by itself"),
        ("not-enough-replicas", "by itself"),
    ],
)
def test_the_remedy_of_a_hold_is_that_of_its_reason(log: Log, reason: str, end: str) -> None:
    """Nobody is to discard events that will be published when their topic is there."""
    log.relay()
    log.hold(log.insert(6), reason=reason)
    remedy = status.read().problems[0].remedy
    assert [each for each in ("outbox_release", "outbox_resume", "by itself") if each in remedy] == [end]
