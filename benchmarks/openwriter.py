"""The latency of other events while a transaction that wrote an event stays open."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import psycopg
from django.db import connection

from benchmarks.ground import address, fill, published, running_relay, topic

PAUSE = 0.02
"""Seconds between two events, each in a transaction of its own."""
INSERT = """
    INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, payload, headers)
    VALUES (0, %s, 'open', 'bench.event.happened', 'application/json', gen_random_uuid(), '{}', '{}')
"""


def run(minutes: int = 10) -> Iterator[str]:
    name = topic()
    with running_relay(), psycopg.connect(**address()) as writer:
        _minute(name, seconds=5)
        free = _minute(name)
        writer.execute(INSERT, (name,))
        held = [_minute(name) for _ in range(minutes)]
        before, since = published(), time.perf_counter()
        writer.commit()
        while published() == before:
            time.sleep(0.005)
        own = time.perf_counter() - since
    yield f"created to published, no transaction open: median {free:.0f} ms"
    yield f"with one open that has written an event, by the minute: {' '.join(f'{ms:.0f}' for ms in held)} ms"
    yield f"its own event, committed after {minutes} minutes, was published {own * 1000:.0f} ms later"


def _minute(name: str, seconds: float = 60.0) -> float:
    """The median latency of the waves of events that come one by one, in milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM outbox_checkpoint")
        (before,) = cursor.fetchone()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            fill(name, 1, 1)
            time.sleep(PAUSE)
        cursor.execute("SELECT latency_ms FROM outbox_checkpoint WHERE id > %s AND events > 0", [before])
        return float(statistics.median(ms for (ms,) in cursor.fetchall()))
