"""Finding events among millions: each question reads a bounded number of rows, and the next one goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from outbox.models import OutboxEvent
from outbox.search import rows
from outbox.search.search import Found, Search
from tests.admin.conftest import Log, Staff

LIST = "/admin/outbox/outboxevent/"


def found(client: Client, query: str) -> Found:
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return answer.context["cl"].found  # type: ignore[no-any-return]


def listed(client: Client, query: str) -> list[int]:
    return [event.pk for event in found(client, query).events]


def to_the_end(client: Client, query: str) -> list[int]:
    """What is found on all pages, as the reader goes on."""
    ids: list[int] = []
    at = ""
    for _ in count():
        page = found(client, query + at)
        ids += [event.pk for event in page.events]
        if page.cursor is None:
            return ids
        at = f"&cursor={page.cursor}"
    raise AssertionError


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many rows of the log and of the held events each query reads: what PostgreSQL says of its plan."""
    read: list[int] = []

    def scanned(node: dict[str, Any]) -> int:
        own = 0
        if node.get("Relation Name") in ("outbox_event", "outbox_held"):
            once = sum(node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter"))
            own = round(once * node["Actual Loops"])
        return own + sum(scanned(child) for child in node.get("Plans", ()))

    def explain(execute: Any, sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH", "--")) and "outbox_event" in sql:
            with context["connection"].connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
                (plan,) = cursor.fetchone()
                found = json.loads(plan) if isinstance(plan, str) else plan
                read.append(scanned(found[0]["Plan"]))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explain):
        yield read


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions that read little."""
    monkeypatch.setattr(rows, "OF_LOG", 300)
    monkeypatch.setattr(rows, "OF_HOLDS", 100)
    monkeypatch.setattr(rows, "OF_INDEX", 100)
    monkeypatch.setattr("outbox.admin.searching.RECENT", 10)
    monkeypatch.setattr("outbox.search.rows.Backlog.CAP", 40)


def test_a_key_is_found_at_any_depth_piece_by_piece(
    admin_client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "OF_LOG", 3)
    ids = [log.insert(n + 1, "a" if n in (0, 4) else "b") for n in range(9)]
    first = found(admin_client, "q=a")
    assert (list(first.events), first.cursor, first.index_missing) == ([], ids[6], "key")
    assert first.reached == OutboxEvent.objects.get(pk=ids[6]).created_at
    assert listed(admin_client, f"q=a&cursor={ids[6]}") == [ids[4]]
    assert to_the_end(admin_client, "q=a") == [ids[4], ids[0]]
    page = admin_client.get(f"{LIST}?q=a&type=test.note").content.decode()
    assert f"?cursor={ids[6]}&amp;q=a&amp;type=test.note" in page


def test_gaps_in_the_sequence_cost_nothing(
    admin_client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "OF_LOG", 3)
    old = log.insert(1, "a")
    new = log.insert(2, "b")
    OutboxEvent.objects.filter(pk=new).update(id=new + 1_000_000_000)
    assert found(admin_client, "q=a").events[0].pk == old


def test_a_correlation_id_and_a_trace_id_find_their_events(admin_client: Client, log: Log) -> None:
    event, _ = log.insert(1), log.insert(2)
    correlation, trace = str(uuid4()), "0af7651916cd43dd8448eb211c80319c"
    parent = f"00-{trace}-b7ad6b7169203331-01"
    OutboxEvent.objects.filter(pk=event).update(headers={"correlationid": correlation, "traceparent": parent})
    assert listed(admin_client, f"by=correlation&q={correlation}") == [event]
    assert listed(admin_client, f"by=trace&q={trace}") == [event]
    assert listed(admin_client, f"by=trace&q={parent}") == [event]
    assert listed(admin_client, f"by=correlation&q={correlation}&type=test.other") == []
    page = admin_client.get(f"{LIST}?q={correlation}").content.decode()
    assert f"?by=correlation&amp;q={correlation}" in page


def test_times_are_dates_times_of_today_or_ages(admin_client: Client, log: Log) -> None:
    old, new = log.insert(1, age=7_200), log.insert(2)
    hour_ago = timezone.localtime() - timedelta(hours=1)
    assert listed(admin_client, "since=60min") == [new]
    assert listed(admin_client, "since=1d") == [new, old]
    assert listed(admin_client, "until=1h") == [old]
    assert listed(admin_client, f"since={hour_ago:%Y-%m-%dT%H:%M}") == [new]
    assert listed(admin_client, f"since={hour_ago:%Y-%m-%d %H:%M}&until=1min") == []


@pytest.mark.parametrize(
    "query", ["since=soon", "since=1000000d", "until=0000-01-01", "cursor=x", "cursor=-1", "by=no", "q=%00"]
)
def test_a_search_that_cannot_be_read_searches_nothing_and_says_where(
    admin_client: Client, log: Log, query: str
) -> None:
    log.insert(1)
    answer = admin_client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    assert answer.context["cl"].form.errors
    assert not answer.context["cl"].found.events


def test_pending_events_come_in_the_order_in_which_they_are_published(
    admin_client: Client, log: Log, pieces: None
) -> None:
    """Few are found without the log; of many, the log is read from the first one on."""
    log.fill(1_000)
    ids = list(OutboxEvent.objects.order_by("pk").values_list("pk", flat=True))
    log.position("980:980:")
    assert to_the_end(admin_client, "status=pending") == ids[979:]
    log.position("400:400:")
    first = found(admin_client, "status=pending")
    assert [event.pk for event in first.events] == ids[399:449]
    assert to_the_end(admin_client, "status=pending") == ids[399:]
    assert to_the_end(admin_client, f"status=pending&q=k{999}") == ids[999:]


def test_every_published_held_and_discarded_event_is_reached(
    admin_client: Client, log: Log, pieces: None
) -> None:
    log.fill(1_000)
    ids = list(OutboxEvent.objects.order_by("pk").values_list("pk", flat=True))
    log.position("600:600:")
    log.hold(*ids[100:450])
    for event in ids[100:103]:
        log.discard(event)
    assert to_the_end(admin_client, "status=published") == [*ids[450:599][::-1], *ids[:100][::-1]]
    assert to_the_end(admin_client, "status=held") == ids[103:450][::-1]
    assert to_the_end(admin_client, "status=held&q=k300") == [ids[300]]
    assert to_the_end(admin_client, "status=discarded") == ids[100:103][::-1]


@pytest.mark.parametrize(
    "query",
    [
        *("", "q=none", "by=correlation&q=none", "by=trace&q=none", "type=none", "topic=legacy.orders"),
        *("status=pending", "status=pending&type=none", "status=published", "status=published&topic=none"),
        *("status=held", "status=held&q=none", "status=discarded", "since=1d&type=none", "until=1d"),
    ],
)
def test_no_question_reads_more_rows_than_its_bound(
    admin_client: Client, log: Log, pieces: None, query: str
) -> None:
    """Each row of a piece at most twice: to find where the piece ends, and to compare it."""
    log.fill(4_000)
    log.hold(*OutboxEvent.objects.order_by("pk").values_list("pk", flat=True)[100:800])
    log.position("1500:1500:")
    with counted() as read:
        found(admin_client, query)
    assert len(read) >= 2
    assert sum(read) <= 1_000, read


def test_a_search_that_takes_too_long_says_so(
    admin_client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.insert(1, "a")

    def slow(self: Search, using: str) -> Found:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        return Found()

    monkeypatch.setattr("outbox.search.search.STATEMENT_SECONDS", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Search, "run", slow)
        answer = admin_client.get(f"{LIST}?q=a")
    assert answer.status_code == 200
    assert answer.context["cl"].form.non_field_errors()
    assert len(listed(admin_client, "q=a")) == 1


def test_topics_and_types_that_nobody_registered_are_suggested(admin_client: Client, log: Log) -> None:
    foreign = log.insert(1, topic="legacy.orders", type="legacy.order")
    log.insert(2)
    page = admin_client.get(LIST).content.decode()
    assert '<option value="legacy.orders">' in page
    assert '<option value="legacy.order">' in page
    assert listed(admin_client, "topic=legacy.orders") == [foreign]
    assert listed(admin_client, "type=legacy.order") == [foreign]


def test_a_search_never_asks_for_a_payload(staff: Staff, log: Log) -> None:
    log.insert(1, payload=b'{"text": "for few eyes"}')
    client = staff("view_outboxevent")
    for query in ("payload=x", "o=payload", "q=for", "order=payload", "payload__contains=x"):
        answer = client.get(f"{LIST}?{query}")
        assert answer.status_code == 400 or "for few eyes" not in answer.content.decode()
