"""Which statements make a row unknown that a save has just returned."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import sql

from outbox.capture.watch import Watch


def forgets(statement: Any, table: str = "shop_price") -> bool:
    """Whether a row of this table is forgotten before the statement runs."""
    forgotten: list[bool] = []
    model: Any = type("Model", (), {"_meta": SimpleNamespace(db_table=table, all_parents=())})
    connection: Any = SimpleNamespace(execute_wrappers=[])
    Watch(connection, model, lambda: forgotten.append(True))
    (watch,) = connection.execute_wrappers
    watch(lambda *arguments: None, statement, None, False, {"connection": SimpleNamespace(connection=None)})
    return bool(forgotten)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE shop_price SET name = 'a'",
        'update only "public"."Shop_Price" set name = 1',
        "UPDATE\n  -- the prices\n  shop_price SET name = 'a'",
        "SELECT 1;\nUPDATE shop_price SET name = 'a'",
        "/* first */ SELECT 1; UPDATE shop_price SET name = 'a'",
        "WITH one AS (UPDATE shop_price SET name = 'a' RETURNING 1) SELECT * FROM one",
        "MERGE INTO shop_price USING other ON true WHEN MATCHED THEN DELETE",
        "DO $$ BEGIN UPDATE shop_price SET name = 'a'; END $$",
        "EXPLAIN ANALYZE DELETE FROM shop_price",
        "TRUNCATE other, shop_price",
        "-" * 99 + " " * 99 + "\n" + "/* - */" * 99 + "UPDATE shop_price SET name = 'a'",
    ],
)
@pytest.mark.parametrize("form", [str, str.encode, sql.SQL])
def test_a_statement_that_may_write_the_table_makes_its_row_unknown(statement: str, form: Any) -> None:
    assert forgets(form(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM shop_price;",
        "(select name from shop_price) union (select 1)",
        "-- why\n/* and\nhow */ SELECT name FROM shop_price FOR UPDATE",
        "WITH one AS (SELECT name FROM shop_price) SELECT * FROM one",
        "UPDATE shop_prices SET name = 'a'",
        "UPDATE old_shop_price SET name = 'a'",
    ],
)
@pytest.mark.parametrize("form", [str, str.encode, sql.SQL])
def test_a_statement_that_only_reads_the_table_leaves_its_row_known(statement: str, form: Any) -> None:
    assert not forgets(form(statement))


@pytest.mark.parametrize("table", ["prices$", "prämie", "Prices", "the prices", "ünit.price"])
def test_a_table_is_found_whatever_it_is_called(table: str) -> None:
    named = sql.SQL("UPDATE {} SET name = 1").format(sql.Identifier(table))
    text = named.as_string(None)
    assert forgets(text, table)
    assert forgets(text.encode(), table)
    assert forgets(named, table)


def test_a_table_of_another_schema_is_found() -> None:
    assert forgets(sql.SQL("DELETE FROM {}").format(sql.Identifier("tenant", "price")), 'tenant"."price')
