"""What a relay costs when there is nothing to do, with one shard and with many."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
from django.db import connection

from benchmarks.ground import running_relay
from outbox.operations.resharding import reshard

SHARDS = 1, 32
SETTLE, MEASURE = 60.0, 30.0


def run() -> Iterator[str]:
    for shards in SHARDS:
        reshard("default", shards)
        yield _of_one_relay(shards)
    reshard("default", 1)


def _of_one_relay(shards: int) -> str:
    with running_relay() as process:
        time.sleep(SETTLE)
        watched = psutil.Process(process.pid)
        cpu, before = sum(watched.cpu_times()[:2]), _counted()
        time.sleep(MEASURE)
        used, after = sum(watched.cpu_times()[:2]) - cpu, _counted()
    wal, xids, statements = (now - then for now, then in zip(after, before, strict=True))
    return (
        f"{shards} shards: {used / MEASURE:.2%} of a core; {statements / MEASURE:.1f} statements and "
        f"{wal / MEASURE:.0f} bytes of WAL a second by its session, for {xids} lease renewals and heartbeats "
        f"in {MEASURE:.0f} s; each is a transaction, no poll is"
    )


def _counted() -> tuple[int, int, int]:
    """Bytes of WAL by the other sessions of this database so far (by all sessions, before PostgreSQL 18),
    transaction ids, and statements outside of transactions.
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
        (wal,) = cursor.fetchone()
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        return int(wal), int(xid), int(cursor.fetchone()[0])
