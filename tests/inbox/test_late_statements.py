"""What a statement waits for is found by another thread, and signalled once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from inbox.status.waiting import LATE_SECONDS, LOOK_EVERY, QUIET_SECONDS, Waiting
from tests.inbox.conftest import logged
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
LOCK = "SELECT pg_advisory_xact_lock(4711)"


class Loop:
    """A loop whose statements a test runs, and what it was told. It last made progress at 0."""

    name = "test"
    alive_at = 0.0

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.waiting: Waiting | None = None

    def blocked(self, reason: str) -> None:
        self.told.append(reason)

    @contextmanager
    def runs(self, statement: str) -> Iterator[None]:
        """Its thread runs this statement, which has taken some seconds."""
        thread = threading.Thread(target=self._run, args=[statement])
        thread.start()
        wait_until(lambda: self.waiting is not None, 20, "it has begun")
        self.pass_by(0.0)
        time.sleep(LATE_SECONDS + 0.5)
        yield
        thread.join()

    def _run(self, statement: str) -> None:
        with closing(connections["default"]), connections["default"].cursor() as cursor:
            self.waiting = Waiting(self, "default", lambda: self.now)
            cursor.execute(statement)

    def pass_by(self, seconds: float) -> None:
        assert self.waiting is not None
        self.now += seconds
        self.waiting.check()


@pytest.fixture
def loop(transactional_db: None, caplog: pytest.LogCaptureFixture) -> Loop:
    caplog.set_level("INFO", logger="inbox")
    return Loop()


@pytest.fixture
def other(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """A session that has the lock."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.execute(LOCK)
        yield other


def test_a_wait_is_signalled_once_and_is_over_after_a_quiet_time(
    loop: Loop, other: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    session = other.info.backend_pid
    with loop.runs(LOCK):
        loop.pass_by(LATE_SECONDS / 2)
        assert loop.told == []
        loop.pass_by(LATE_SECONDS)
        loop.pass_by(LOOK_EVERY)
        other.rollback()
    assert len(loop.told) == 2
    assert all(f"a lock that session {session} has" in reason for reason in loop.told)
    [line] = logged(caplog, "blocked")
    assert f"pg_terminate_backend({session})" in line.getMessage()
    assert line.runbook
    loop.pass_by(QUIET_SECONDS / 2)
    assert not logged(caplog, "unblocked")
    loop.pass_by(QUIET_SECONDS)
    [line] = logged(caplog, "unblocked")
    assert line.seconds == LATE_SECONDS * 1.5 + LOOK_EVERY


def test_a_statement_that_takes_long_waits_for_nobody(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    with loop.runs("SELECT pg_sleep(6)"):
        loop.pass_by(LATE_SECONDS * 2)
    loop.pass_by(QUIET_SECONDS * 2)
    assert loop.told == []
    assert not caplog.records
