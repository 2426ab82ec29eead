"""What a relay costs when there is nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
from django.db import connection

from benchmarks.ground import running_relay

SETTLE, MEASURE = 5.0, 30.0


def run() -> Iterator[str]:
    with running_relay() as process:
        time.sleep(SETTLE)
        watched = psutil.Process(process.pid)
        cpu, (wal, xid) = sum(watched.cpu_times()[:2]), _written()
        time.sleep(MEASURE)
        used, (wal_after, xid_after) = sum(watched.cpu_times()[:2]) - cpu, _written()
    yield f"idle relay: {used / MEASURE:.2%} of a core"
    yield (
        f"{(wal_after - wal) / MEASURE:.0f} bytes of WAL a second by its session, for {xid_after - xid} "
        f"lease renewals and heartbeats in {MEASURE:.0f} s; each is a transaction, no poll is"
    )


def _written() -> tuple[int, int]:
    """Bytes of WAL by the other sessions of this database so far (by all sessions, before PostgreSQL 18), and
    transaction ids.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        (xid,) = cursor.fetchone()
        cursor.execute("SHOW server_version_num")
        if int(cursor.fetchone()[0]) >= 180_000:
            cursor.execute(
                "SELECT sum((pg_stat_get_backend_wal(pid)).wal_bytes) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        else:
            cursor.execute("SELECT pg_current_wal_lsn() - '0/0'")
        return int(cursor.fetchone()[0]), int(xid)
