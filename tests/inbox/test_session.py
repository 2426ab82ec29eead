"""What a handler sets for its session holds for its own event only."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from psycopg.rows import dict_row

import inbox
from inbox.handling.session import names
from inbox.models import HeldEvent
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps, undecided

SETTINGS = (
    *("TimeZone", "search_path", "statement_timeout", "role", "app.tenant"),
    *("default_transaction_isolation", "default_transaction_read_only"),
)


def seen() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(current_setting(name, true), '') FROM unnest(%s::text[]) AS name",
            [list(SETTINGS)],
        )
        return [value for (value,) in cursor.fetchall()]


@pytest.fixture
def looks(effects: Effects) -> list[list[str]]:
    """What each event saw that looks."""
    looks: list[list[str]] = []

    @effects.registry.handler("test.look")
    def look(event: inbox.Event) -> None:
        looks.append(seen())

    @effects.registry.handler("test.change")
    def change(event: inbox.Event) -> None:
        with connection.cursor() as cursor:
            for sql in (event.data or b"").decode().splitlines():
                cursor.execute(sql)

    return looks


CHANGES = [
    "SET timezone = 'Asia/Tokyo'",
    "SET LOCAL timezone = 'Asia/Tokyo'",
    "SET SESSION TIME ZONE 'Asia/Tokyo'",
    "/* a remark */ SELECT 1; SET search_path TO pg_temp, public",
    "SET statement_timeout = 12345; SET statement_timeout = 54321",
    "SET ROLE pg_monitor",
    "SELECT set_config('app.tenant', '7', false)",
    "SELECT set_config('app.tenant', '7', true), set_config('TimeZone', 'Asia/Tokyo', false)",
    "SET timezone = 'Asia/Tokyo'\nSELECT set_config('TimeZone', 'Europe/Berlin', false)",
    "SET timezone = 'Asia/Tokyo'\nSET LOCAL timezone = 'UTC'",
    "SET app.\"tenant\" = '7'",
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET SESSION AUTHORIZATION pg_monitor",
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES)
def test_no_later_event_runs_with_what_a_handler_set(
    effects: Effects, looks: list[list[str]], change: str
) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    before = seen()
    for _ in range(2):
        consumer.send("test.change", change.encode(), key="a")
        consumer.send("test.look", {}, key="b")
    consumer.poll()
    consumer.send("test.look", {}, key="b")
    consumer.poll()
    assert not HeldEvent.objects.exists()
    assert looks == [before] * 3
    assert seen() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES[:4])
def test_functions_of_on_commit_do_not_run_with_what_a_handler_set(effects: Effects, change: str) -> None:
    """Nor does whoever a pooler gives the session after the commit."""
    looks: list[list[str]] = []

    @effects.registry.handler("test.later")
    def later(event: inbox.Event) -> None:
        with connection.cursor() as cursor:
            cursor.execute(change)
        transaction.on_commit(lambda: looks.append(seen()))

    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    before = seen()
    consumer.send("test.later", {}, key="a")
    consumer.poll()
    assert looks == [before]


@pytest.mark.django_db(transaction=True)
def test_a_held_event_that_is_tried_with_others_does_not_run_with_what_they_set(
    effects: Effects, looks: list[list[str]]
) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails["fail"] = raising(ConnectionError())
    before = seen()
    consumer.send("test.step", {"number": 1, "fail": "fail"}, key="a")
    consumer.poll()
    consumer.send("test.change", CHANGES[0].encode(), key="a")
    consumer.send("test.look", {}, key="a")
    consumer.poll()
    effects.fails.clear()
    consumer.drain()
    assert looks == [before]
    assert seen() == before


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SET TRANSACTION READ ONLY", set()),
        ("SET CONSTRAINTS x DEFERRED", set()),
        ("SELECT 'SET x = 1'", set()),
        ("UPDATE t SET x = 1", set()),
        ("RESET work_mem", {"work_mem"}),
        ("SET SESSION AUTHORIZATION me", {"session_authorization", "role"}),
        ("SET NAMES 'latin1'", {"client_encoding"}),
        ('SET "app.tenant" = 7', {"app.tenant"}),
        ('SET "App"."Tenant" = 7', {"app.tenant"}),
        ("SELECT set_config(%s, %s, true)", {"app.tenant", "7"}),
        ("SELECT set_config('TimeZone', 'utc', true)", {"timezone", "utc", "app.tenant", "7"}),
    ],
)
def test_which_settings_a_statement_names(sql: str, found: set[str]) -> None:
    assert names(sql, ["app.tenant", "7"]) == found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True], ids=["", "and fails"])
def test_no_later_event_gets_rows_as_a_handler_wanted_them(effects: Effects, fails: bool) -> None:
    """Django and the inbox could not read any row."""
    error = raising(ValueError("wrong")) if fails else list

    def want_dictionaries() -> None:
        connection.connection.row_factory = dict_row
        error()

    effects.fails |= {"dictionaries": want_dictionaries, "look": seen}
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    try:
        send_steps(consumer, "a", 1)
        send_steps(consumer, "bad", 1, fail="dictionaries")
        send_steps(consumer, "a", 2, 3, fail="look")
        consumer.drain()
    finally:
        connection.close()
    assert effects.of("a") == [1, 2, 3]
    assert effects.calls.count(("a", 2)) == 1
    assert undecided().count() == fails
