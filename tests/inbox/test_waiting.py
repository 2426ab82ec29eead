"""A consumer that waits for another session of PostgreSQL says for which one, and goes on behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.inbox.service import Process, server_url
from tests.inbox.test_run_consumer import service as service  # a fixture
from tests.inbox.test_run_consumer import template as template  # a fixture
from tests.inbox.works import LONG, Works
from tests.inbox.works import works as works  # a fixture
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance
NOT_RUNNING = "SELECT state, detail FROM inbox_consumer WHERE state <> 'running'"


@contextmanager
def locked(works: Works, statement: str) -> Iterator[int]:
    """Another session holds the locks of this statement; the number of that session."""
    with psycopg.connect(server_url(works.service.database)) as connection:
        connection.execute(statement)
        yield connection.info.backend_pid


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("LOCK TABLE inbox_processed IN ACCESS EXCLUSIVE MODE", "its own statement"),
        ("LOCK TABLE inbox_in_hand IN ACCESS EXCLUSIVE MODE", "what reads"),
        ("LOCK TABLE effect IN ACCESS EXCLUSIVE MODE", "a statement of a handler"),
    ],
    ids=["own", "reader", "handler"],
)
def test_a_lock_of_another_session_is_named(works: Works, statement: str, wanted: str, workers: int) -> None:
    process = started(works, workers)
    with locked(works, statement) as session:
        works.send("b")
        wait_until(lambda: names(works, session), 30, f"the status names what {wanted} waits for")
        assert f"a lock that session {session} " in works.service.manage("inbox_status").stdout
        beats = works.beats()
        wait_until(lambda: works.beats() > beats, LONG, "it is alive")
    works.wait()
    wait_until(lambda: not works.service.query(NOT_RUNNING), 30, "the status is as before")
    wait_until(lambda: "no statement waits any more" in process.text(), LONG, "its log says so")
    assert process.end() == 0
    assert process.text().count(f"a lock that session {session} ") == 1, process.text()
    assert "not available" not in process.text()
    assert "Traceback" not in process.text()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_handler_that_takes_long_is_no_wait(works: Works, workers: int) -> None:
    process = started(works, workers)
    works.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(9); RETURN NEW; END'"
    )
    works.execute("CREATE TRIGGER slow BEFORE INSERT ON effect FOR EACH ROW EXECUTE FUNCTION slow()")
    works.send("b", seconds=5.0)
    works.wait()
    assert process.end() == 0
    assert " waits" not in process.text()


def started(works: Works, workers: int) -> Process:
    """A consumer that has handled an event."""
    process = works.start(workers)
    works.send("a")
    works.wait()
    return process


def names(works: Works, session: int) -> bool:
    wanted = f"PostgreSQL: a statement waits for a lock that session {session} "
    rows = works.service.query(NOT_RUNNING)
    return any(state == "waiting" and detail.startswith(wanted) for state, detail in rows)
