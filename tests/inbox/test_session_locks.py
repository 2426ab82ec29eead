"""A lock of the session that a handler leaves would keep the handlers of every other process waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection

from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, executing, send_steps

pytestmark = pytest.mark.django_db(transaction=True)
LOCKS = {
    "shared and exclusive": executing("SELECT pg_advisory_lock(7), pg_advisory_lock_shared(8)"),
    "tried": executing("SELECT pg_try_advisory_lock(7)"),
    "twice": executing("SELECT PG_ADVISORY_LOCK(7); SELECT pg_advisory_lock(7)"),
    "in a block": executing("DO $$ BEGIN PERFORM pg_advisory_lock(7); END $$"),
}


@pytest.fixture
def locked(transactional_db: None) -> Iterator[Callable[[], int]]:
    """How many locks of the session another process would wait for."""
    query = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database()) AND objid IN (7, 8)"
    )
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        yield lambda: int(other.execute(query).fetchone()[0])  # type: ignore[index]


@pytest.mark.parametrize("fails", [False, True], ids=["", "and fails"])
@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS.keys())
def test_it_ends_with_the_transaction_of_its_event(
    effects: Effects, locked: Callable[[], int], lock: Callable[[], object], fails: bool
) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    held: list[int] = []

    def lock_and_leave() -> None:
        lock()
        held.append(locked())
        if fails:
            raise ValueError("wrong")

    effects.fails["lock"] = lock_and_leave
    send_steps(consumer, "a", 1, fail="lock")
    send_steps(consumer, "b", 1)
    consumer.poll()
    assert held[0] >= 1
    assert locked() == 0
    assert effects.of("b") == [1]
