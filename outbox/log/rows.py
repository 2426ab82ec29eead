"""The one projection of outbox_event onto the ``Row`` that is encoded for Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connections

from outbox.log.tables import qualifier
from outbox_core.wire.encode import Row

ROW = """
       page.id, page.topic, page.key, page.type, page.subject, page.content_type,
       page.event_id::text, page.payload, page.headers::text,
       to_char(page.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), page.source
""".strip()
"""What stands for ``{row}`` in a statement; ``page`` is the table. Integers, texts and bytes only: psycopg
decodes them three times as fast as UUIDs and times.
"""


def read(using: str, condition: str, parameters: Mapping[str, Any]) -> list[Row]:
    """The rows of the events that meet an SQL condition, by id, through Django's connection."""
    query = f"SELECT {ROW} FROM {qualifier()}outbox_event AS page WHERE {condition} ORDER BY page.id"
    with connections[using].cursor() as cursor:
        cursor.execute(query, parameters)
        return [Row._make((*row[:7], None if row[7] is None else bytes(row[7]), *row[8:])) for row in cursor]
