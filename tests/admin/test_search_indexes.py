"""The optional indexes of the search: made while others write, mended after an interruption, used at once."""

from __future__ import annotations

from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from outbox.models import OutboxEvent
from outbox.search import indexes, rows
from outbox.search.indexes import INDEXES, KEY
from outbox.search.search import Kind, Search, one_by_one
from tests.admin.conftest import Log
from tests.admin.test_searching import counted

pytestmark = pytest.mark.django_db(transaction=True)


def outbox_index(*arguments: str) -> str:
    out = StringIO()
    call_command("outbox_index", *arguments, stdout=out)
    return out.getvalue()


def made() -> set[str]:
    return {kind for kind, index in INDEXES.items() if indexes.is_there("default", index)}


def ids(kind: Kind, text: str, **more: str) -> list[int]:
    """All pages."""
    found: list[int] = []
    search = Search(text=text, kind=kind, **more)  # type: ignore[arg-type]
    with one_by_one("default"):
        page = search.run("default")
        while page.cursor is not None:
            found += [event.pk for event in page.events]
            page = Search(text=text, kind=kind, cursor=page.cursor, **more).run("default")  # type: ignore[arg-type]
    return [*found, *(event.pk for event in page.events)]


@pytest.fixture
def log(transactional_db: None) -> Log:
    return Log()


def test_with_the_indexes_a_search_reads_only_what_it_finds(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for values that are longer than an entry of the index, and begin alike."""
    monkeypatch.setattr(rows, "OF_INDEX", 20)
    log.fill(2_000)
    long = "x" * 300
    first, other, second = log.insert(1, long + "1"), log.insert(2, long + "2"), log.insert(3, long + "1")
    correlation, trace = str(uuid4()), uuid4().hex
    headers = {"correlationid": correlation, "traceparent": f"00-{trace}-{'1' * 16}-01"}
    OutboxEvent.objects.filter(pk=other).update(headers=headers)
    hot = list(OutboxEvent.objects.filter(pk__lt=first).values_list("pk", flat=True)[:130])
    OutboxEvent.objects.filter(pk__in=hot).update(key="hot")
    for kind in INDEXES:
        outbox_index(kind)
    try:
        assert made() == {"key", "correlation", "trace"}
        with counted() as read:
            assert ids(Kind.KEY, long + "1") == [second, first]
            assert ids(Kind.CORRELATION, correlation) == [other]
            assert ids(Kind.TRACE, trace) == [other]
            assert ids(Kind.TRACE, uuid4().hex) == []
        assert sum(read) <= 20, read
        assert ids(Kind.KEY, "hot") == sorted(hot, reverse=True)
        assert ids(Kind.KEY, "hot", status="pending") == sorted(hot)
        assert ids(Kind.KEY, "hot", type="none") == []
    finally:
        for kind in INDEXES:
            outbox_index(kind, "--drop")
    assert made() == set()


def test_what_an_interruption_has_left_is_replaced(log: Log) -> None:
    outbox_index("key")
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", [KEY.name]
            )
        assert made() == set()
        log.insert(1, "a")
        assert len(ids(Kind.KEY, "a")) == 1
        assert indexes.create("default", KEY)
        assert made() == {"key"}
        assert not indexes.create("default", KEY)
    finally:
        assert indexes.drop("default", KEY)
    assert not indexes.drop("default", KEY)


def test_a_dry_run_makes_nothing_and_says_what_it_costs(log: Log) -> None:
    assert "MB" in outbox_index("correlation", "--dry-run")
    assert made() == set()
    with pytest.raises(CommandError):
        outbox_index("payload")
