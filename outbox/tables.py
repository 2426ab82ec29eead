"""Whether a database holds an outbox."""

from __future__ import annotations

from django.db import connections

from outbox.conf import settings


def exist(using: str) -> bool:
    """Whether the outbox's tables are on database ``using``; False for any database but PostgreSQL."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return False
    schema = settings().schema
    name = f'"{schema}".outbox_event' if schema else "outbox_event"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        (found,) = cursor.fetchone()
    return bool(found)
