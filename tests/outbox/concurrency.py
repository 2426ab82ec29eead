"""A second database connection at work while the test waits for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import connection

from tests.waiting import wait_until

BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"


def in_background(work: Callable[[], object]) -> Future[object]:
    """Runs ``work`` in a thread, which has a connection of its own."""

    def run() -> object:
        try:
            return work()
        finally:
            connection.close()

    with_thread = ThreadPoolExecutor(1)
    future = with_thread.submit(run)
    with_thread.shutdown(wait=False)
    return future


def wait_until_somebody_is_blocked() -> None:
    """Returns when another connection waits for a lock of this one."""
    wait_until(_somebody_is_blocked, 20, "no other connection waits for this one")


def _somebody_is_blocked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(BLOCKED)
        return bool(cursor.fetchone()[0])
