"""How large the log is, and how old: whether somebody prunes it."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connections

from outbox.sql import statement
from outbox_core.database import by_index


class Extent(NamedTuple):
    """``rows`` is the estimate of the last ANALYZE, -1 if there was none. ``oldest`` is the age of the first
    row in seconds, None if there is no row.
    """

    rows: int
    bytes: int
    oldest: float | None


def read(using: str, statement_timeout: str) -> Extent:
    """Raises errors of the database."""
    with by_index(using, statement_timeout=statement_timeout), connections[using].cursor() as cursor:
        cursor.execute(statement("extent"))
        return Extent(*cursor.fetchone())
