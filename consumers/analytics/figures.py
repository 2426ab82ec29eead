"""Adds the events of a batch to the log and to the daily figures, with one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import msgspec
from django.db import connection

import inbox

# Sorted, so that every instance locks the figures in the same order.
WRITE = """
WITH logged AS (
    INSERT INTO analytics_event (source, event_id, type, topic, key, day, revenue, occurred_at)
    SELECT source, event_id, type, topic, key, day, revenue, occurred_at
    FROM json_to_recordset(%s) AS entry (
        source text, event_id text, type text, topic text, key text,
        day date, revenue numeric, occurred_at timestamptz
    )
    RETURNING day, type, revenue
)
INSERT INTO analytics_daily (day, type, count, revenue)
SELECT day, type, count(*), coalesce(sum(revenue), 0) FROM logged GROUP BY day, type ORDER BY day, type
ON CONFLICT (day, type) DO UPDATE
SET count = analytics_daily.count + EXCLUDED.count, revenue = analytics_daily.revenue + EXCLUDED.revenue
"""


@dataclass(frozen=True, slots=True)
class NewRow:
    """A line of the event log."""

    source: str
    event_id: str
    type: str
    topic: str
    key: str | None
    day: date
    revenue: Decimal | None
    occurred_at: datetime


class Figures(inbox.Batch):
    """The events of a batch, logged and summed up by one statement."""

    def __init__(self) -> None:
        self._entries: list[NewRow] = []

    def add(self, event: inbox.Event, day: date, revenue: Decimal | None) -> None:
        self._entries.append(
            NewRow(event.source, event.id, event.type, event.topic, event.key, day, revenue, event.time)
        )

    def write(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(WRITE, [msgspec.json.encode(self._entries).decode()])
