"""No query of the status or of the event list reads the whole log, whatever the planner believes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from outbox import status
from outbox.models import EventStatus
from outbox.search import rows
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


def two_rows(log: Log) -> None:
    """When it was vacuumed, two rows were left of it, and it kept its pages."""
    run("TRUNCATE outbox_event CASCADE")
    no_statistics(log)
    run(
        "UPDATE pg_class SET reltuples = 2, relpages = pg_relation_size(oid) / 8192 "
        "WHERE oid = 'outbox_event'::regclass"
    )


def good_statistics(log: Log) -> None:
    log.fill(ROWS)
    run("ANALYZE outbox_event")


statistics = pytest.mark.parametrize(
    "fill", [no_statistics, stale_statistics, one_transaction, two_rows, good_statistics]
)


@contextmanager
def plans(where: str = "outbox_event") -> Iterator[list[list[str]]]:
    """The plans of the queries with ``where`` in their text that read the log, as they are when these run."""
    found: list[list[str]] = []

    def explain(execute: Any, sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH", "--")) and where in sql and "outbox_event" in sql:
            with context["connection"].connection.cursor() as cursor:
                found.append([line for (line,) in cursor.execute(f"EXPLAIN {sql}", parameters)])
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explain):
        yield found


def scans(plan: list[str]) -> list[int]:
    """The places of the lines that read the log: there is one, and all of them use an index."""
    places = [place for place, line in enumerate(plan) if " on outbox_event" in line]
    assert places, plan
    assert not [plan[place] for place in places if "Seq Scan" in plan[place]], plan
    return places


@statistics
def test_the_status_reads_the_log_by_its_indexes(log: Log, fill: Callable[[Log], None]) -> None:
    fill(log)
    for position in POSITIONS:
        log.position(*position)
        with plans("WITH waiting") as found:
            status.read()
        (counting,) = found
        lines = [counting[place] for place in scans(counting)]
        assert len([line for line in lines if "Index Scan using outbox_event_xid" in line]) >= 4


@statistics
def test_a_page_of_one_status_reads_the_log_by_its_indexes(
    log: Log, admin_client: Client, fill: Callable[[Log], None]
) -> None:
    fill(log)
    for position in POSITIONS[1::2]:
        log.position(*position)
        for chosen in EventStatus:
            with plans() as listing:
                assert admin_client.get(f"/admin/outbox/outboxevent/?status={chosen}").status_code == 200
            assert len(listing) >= 2, "a page, and what the form suggests"
            for plan in listing:
                scans(plan)


@statistics
@pytest.mark.parametrize("query", ["q=42", "q=k42", "type=test.note", "topic=test.notes"])
def test_a_search_reads_the_newest_by_the_primary_key(
    log: Log, admin_client: Client, fill: Callable[[Log], None], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every scan has a condition on its index: a walk along all of it in search of a key has none."""
    monkeypatch.setattr(rows, "OF_LOG", 100)
    fill(log)
    with plans(" WHERE ") as searching:
        assert admin_client.get(f"/admin/outbox/outboxevent/?{query}").status_code == 200
    assert len(searching) >= 2, "where a piece ends, and the page"
    for plan in searching:
        assert all("Index Cond" in plan[place + 1] for place in scans(plan)), plan
