"""No query of the status or of the event list reads the whole log, whatever the planner believes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from outbox import status
from outbox.admin import filters
from outbox.models import EventStatus
from outbox.sql.planning import by_index
from tests.admin.conftest import Log

ROWS = 3_000
POSITIONS = [
    (f"{ROWS}:{ROWS}:", None, None),
    ("100:100:", None, None),
    (f"50:{ROWS}:50,60", None, None),
    ("100:100:", f"{ROWS}:{ROWS}:", ROWS // 2),
]


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def no_statistics(log: Log) -> None:
    log.fill(ROWS)
    run("DELETE FROM pg_statistic WHERE starelid = 'outbox_event'::regclass")


def stale_statistics(log: Log) -> None:
    """The table was small when it was analysed."""
    log.fill(50)
    run("ANALYZE outbox_event")
    log.fill(ROWS, first_xid=50)


def one_transaction(log: Log) -> None:
    """When it was analysed, all rows were of a single one."""
    log.fill(ROWS)
    run("UPDATE outbox_event SET xid = '7'")
    run("ANALYZE outbox_event")
    log.fill(ROWS, first_xid=8)


def good_statistics(log: Log) -> None:
    log.fill(ROWS)
    run("ANALYZE outbox_event")


statistics = pytest.mark.parametrize(
    "fill", [no_statistics, stale_statistics, one_transaction, good_statistics]
)


def plan(sql: str) -> list[str]:
    """The lines of a plan that touch the log, with what they do there."""
    with by_index("default"), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return [line.strip() for (line,) in cursor.fetchall() if " on outbox_event" in line]


@statistics
def test_the_status_reads_the_log_by_its_indexes(log: Log, fill: Callable[[Log], None]) -> None:
    fill(log)
    for position in POSITIONS:
        log.position(*position)
        with CaptureQueriesContext(connection) as queries:
            status.read()
        (counting,) = [query["sql"] for query in queries if "WITH waiting" in query["sql"]]
        lines = plan(counting)
        assert not [line for line in lines if "Seq Scan" in line]
        assert len([line for line in lines if "Index Scan using outbox_event_xid" in line]) >= 4


@statistics
def test_a_page_of_one_status_reads_the_log_by_its_indexes(
    log: Log, admin_client: Client, fill: Callable[[Log], None]
) -> None:
    fill(log)
    for position in POSITIONS[1::2]:
        log.position(*position)
        for chosen in EventStatus:
            with CaptureQueriesContext(connection) as queries:
                assert admin_client.get(f"/admin/outbox/outboxevent/?status={chosen}").status_code == 200
            listing = [query["sql"] for query in queries if "outbox_event" in query["sql"]]
            assert len(listing) == 5, "a count, a page, and what the filters offer"
            for sql in listing:
                assert not [line for line in plan(sql) if "Seq Scan" in line]


@statistics
@pytest.mark.parametrize("query", ["q=42", "q=k42", "type=test.note", "topic=test.notes"])
def test_a_search_reads_the_newest_by_the_primary_key(
    log: Log, admin_client: Client, fill: Callable[[Log], None], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every scan has a condition on its index: a walk along all of it in search of a key has none."""
    monkeypatch.setattr(filters, "NEWEST", 100)
    fill(log)
    with CaptureQueriesContext(connection) as queries:
        assert admin_client.get(f"/admin/outbox/outboxevent/?{query}").status_code == 200
    searching = [
        query["sql"] for query in queries if " WHERE " in query["sql"] and "outbox_event" in query["sql"]
    ]
    assert len(searching) >= 2, "a count and a page"
    for sql in searching:
        with by_index("default"), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}")
            lines = [line for (line,) in cursor.fetchall()]
        scans = [place for place, line in enumerate(lines) if " on outbox_event" in line]
        assert scans
        assert all("Index Cond" in lines[place + 1] for place in scans)
