"""A temporary table that a handler leaves would hide a table of the same name from every later event."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection

from inbox.handling.statements import is_plain
from inbox.models import HeldEvent
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, executing, send_steps

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = {
    "temp": executing("CREATE TEMP TABLE auth_group (id int, name text)"),
    "temporary": executing("create local temporary table auth_group as select 1 as id, 'one' as name"),
    "into": executing("SELECT 1 AS id, 'one' AS name INTO TEMP auth_group"),
    "schema": executing("CREATE TABLE pg_temp.auth_group (id int, name text)"),
    "view": executing("CREATE TEMP VIEW auth_group AS SELECT 1 AS id, 'one'::text AS name"),
}


def is_hidden() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_temp.auth_group') IS NOT NULL")
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES.keys())
def test_it_ends_with_its_event(effects: Effects, make: Callable[[], object]) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry)
    looks: list[bool] = []

    def make_and_look() -> None:
        make()
        looks.append(is_hidden())

    effects.fails |= {"make": make_and_look, "look": lambda: looks.append(is_hidden())}
    send_steps(consumer, "a", 1, fail="make")
    send_steps(consumer, "b", 1, fail="look")
    send_steps(consumer, "c", 1, fail="make")
    consumer.poll()
    assert looks == [True, False, True], "in one transaction"
    assert not is_hidden()


def test_one_that_cannot_be_dropped_holds_its_event_only(effects: Effects) -> None:
    """It has a deferred trigger that is still to be called."""
    make = executing(
        "CREATE TEMP TABLE parent (id int PRIMARY KEY);"
        "CREATE TEMP TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO child VALUES (1)"
    )
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails["make"] = make
    send_steps(consumer, "a", 1, fail="make")
    send_steps(consumer, "b", 1)
    consumer.poll()
    assert effects.of("b") == [1]
    assert [held.key for held in HeldEvent.objects.all()] == ["a"]


def test_a_column_with_a_similar_name_costs_nothing() -> None:
    assert is_plain("SELECT temperature, template FROM attempts")
    assert not is_plain("SELECT 1 INTO TEMP t")
