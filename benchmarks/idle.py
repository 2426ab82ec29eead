"""What a relay costs when there is nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
from django.db import connection

from benchmarks.ground import running_relay

SETTLE, MEASURE = 3.0, 20.0


def run() -> Iterator[str]:
    with running_relay() as process:
        time.sleep(SETTLE)
        watched = psutil.Process(process.pid)
        cpu, (wal, xid) = sum(watched.cpu_times()[:2]), _written()
        time.sleep(MEASURE)
        used, (wal_after, xid_after) = sum(watched.cpu_times()[:2]) - cpu, _written()
    yield f"idle relay: {used / MEASURE:.2%} of a core"
    beats = xid_after - xid
    yield (
        f"{(wal_after - wal) / MEASURE:.0f} bytes of WAL a second, for {beats} lease renewals and heartbeats "
        f"in {MEASURE:.0f} s; the polls write none"
    )


def _written() -> tuple[int, int]:
    """Bytes of WAL and transaction ids so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_current_wal_lsn() - '0/0', pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        )
        wal, xid = cursor.fetchone()
        return int(wal), int(xid)
