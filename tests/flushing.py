"""Empties the tables after a test. They are small, so DELETE takes a hundredth of the time of TRUNCATE."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations

LARGE_BYTES = 400_000
"""A larger table is truncated, so that the plans of later tests do not depend on what was in it."""
SIZES = "SELECT max(pg_relation_size(to_regclass(quote_ident(name)))) FROM unnest(%s::text[]) AS name"


def delete_instead(patch: pytest.MonkeyPatch) -> None:
    """Have Django use DELETE when it empties a database."""
    truncate = DatabaseOperations.sql_flush

    def sql_flush(operations: Any, style: Any, tables: Any, **options: bool) -> Any:
        if options.get("reset_sequences") or _largest(operations, list(tables)) > LARGE_BYTES:
            return truncate(operations, style, tables, **options)
        return [f"DELETE FROM {operations.quote_name(table)}" for table in tables]

    patch.setattr(DatabaseOperations, "sql_flush", sql_flush)


def _largest(operations: Any, tables: list[str]) -> int:
    with operations.connection.cursor() as cursor:
        cursor.execute(SIZES, [tables])
        return int(cursor.fetchone()[0] or 0)
