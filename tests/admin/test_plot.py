"""The plots of the status page: what they show, of which time, and to whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client

from outbox.admin.history import MOST_MARKS
from outbox.admin.plot import Mark, Plot
from outbox.models import Ledger, Minute, Statistics
from outbox.status.history import KEEP_DAYS, PERIODS
from relay import minutes
from tests.admin.conftest import Log, Staff

PAGE = "/admin/outbox/outboxstatus/"


def plot(*values: float | None) -> Plot:
    times = [f"12:{number:02}" for number in range(len(values))]
    return Plot("Rate", values, lambda value: f"{value:g}/s", times, [Mark(0.5, "released")], 400, 80)


def test_bars_are_as_high_as_their_value_and_fill_the_box() -> None:
    drawn = plot(0, 30, 60, None)
    assert [(bar.x, bar.y, bar.height) for bar in drawn.bars] == [(0, 80, 0), (100, 40, 40), (200, 0, 80)]
    assert (drawn.peak, drawn.bars[1].label, drawn.lines) == ("60/s", "12:01: 30/s", [(200, "released")])


def test_a_time_without_values_is_flat() -> None:
    assert {bar.height for bar in plot(0, 0, 0).bars} == {0}
    assert plot(None, None).bars == []


def test_one_row_a_minute_and_old_ones_go(log: Log) -> None:
    log.insert(1, age=90)
    old = Now() - timedelta(days=KEEP_DAYS + 1)
    Minute.objects.create(minute=old, last_id=1, published=0, pending=0, oldest_ms=0)
    Statistics.objects.create(minute=old, shard=0)
    assert [minutes.write("default"), minutes.write("default")] == [True, False]
    row = Minute.objects.get()
    assert (row.pending, row.last_id > 0, Statistics.objects.count()) == (1, True, 0)
    assert row.oldest_ms == pytest.approx(90_000, abs=20_000)


@pytest.mark.parametrize("period", PERIODS)
def test_each_period_has_rates_backlog_and_latency(admin_client: Client, log: Log, period: str) -> None:
    log.relay()
    log.position("9:9:", events=PERIODS[period].seconds * 2, published=5, latency_ms=70)
    ago = PERIODS[period].seconds
    for age, last_id in ((3.0, 100), (2.0, 100 + ago)):
        moment, more = Now() - timedelta(seconds=age * ago), {"pending": 0, "oldest_ms": 5_000}
        noted = {"last_id": last_id, "published": 3 * last_id, "latency_ms": 90}
        Minute.objects.create(minute=moment, **noted, **more)
    history = admin_client.get(PAGE, {"period": period}).context["history"]
    long_ago = PERIODS[period].seconds > 3_600
    out, latency = ("3/s", "90 ms") if long_ago else ("2/s", "70 ms")
    assert [drawn.peak for drawn in history.plots] == ["1/s", out, "5.0 s", latency]
    assert len(history.rows) == PERIODS[period].bins
    assert {len(cells) for _, cells in history.rows} == {4}


def test_what_people_did_is_marked_for_those_who_may_see_the_ledger(staff: Staff, log: Log) -> None:
    log.relay()
    Ledger.objects.create(who="mara", verb="release", scope="holds: all")
    client = staff("view_outboxstatus", "view_ledger")
    marks = [mark.label for mark in client.get(PAGE).context["history"].marks]
    assert [("web-1:4711" in mark, "mara" in mark) for mark in marks] == [(True, False), (False, True)]
    client.logout()


def test_without_that_right_only_relays_are_marked(staff: Staff, log: Log) -> None:
    log.relay()
    Ledger.objects.create(who="mara", verb="release", scope="holds: all")
    marks = staff("view_outboxstatus").get(PAGE).context["history"].marks
    assert [("web-1:4711" in mark.label) for mark in marks] == [True]


def test_incidents_do_not_displace_the_marks_of_operations_and_takeovers(staff: Staff, log: Log) -> None:
    Ledger.objects.create(who="mara", verb="reshard", scope="into 4 shards")
    Ledger.objects.create(who="web-1", verb="take over", scope="shard 0", automatic=True)
    incidents = [Ledger(who="web-1", verb="hold", scope="x", automatic=True) for _ in range(MOST_MARKS)]
    Ledger.objects.bulk_create(incidents)
    client = staff("view_outboxstatus", "view_ledger")
    marks = [mark.label for mark in client.get(PAGE).context["history"].marks]
    assert [any(words in mark for mark in marks) for words in ("into 4 shards", "take over")] == [True, True]
    assert len(marks) == MOST_MARKS
