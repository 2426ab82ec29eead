"""The time of a poll while another session holds a snapshot, and the dead tuples that publishing leaves."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import psycopg
from django.db import connection

from benchmarks.ground import address, drain_rate, fill, topic
from outbox.log.position import Snapshot
from relay.log.reader import POLL_FACTOR
from relay.log.session import Session


def run(events: int = 100_000) -> Iterator[str]:
    free = _poll_ms()
    with psycopg.connect(**address()) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM outbox_event")
        for _ in range(3):
            fill(topic(), events, 1_000)
            drain_rate(events)
        held = _poll_ms()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT n_dead_tup, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = 'outbox_event'"
        )
        dead, updated, deleted = cursor.fetchone()
    yield f"idle poll: {free:.2f} ms; after {3 * events:,} events under a held snapshot: {held:.2f} ms"
    yield f"dead tuples in outbox_event: {dead} ({updated} updated, {deleted} deleted)"


def _poll_ms() -> float:
    """The median of an empty poll, in milliseconds."""
    session = Session("default")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        now = Snapshot.parse(cursor.fetchone()[0])
    parameters = {
        "xmax": str(now.xmax),
        "xip": [],
        "first": 0,
        "last": 255,
        "rows": 2_000,
        "most": 2_000 * POLL_FACTOR,
        "bytes": 4_000_000,
    }
    times = []
    for _ in range(300):
        start = time.perf_counter()
        session.fetch("log/poll", parameters)
        times.append(time.perf_counter() - start)
    session.close()
    return statistics.median(times) * 1000
