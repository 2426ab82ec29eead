"""Finds out what a statement of a consumer waits for, while it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import psycopg
from django.db import Error, connections
from psycopg.pq import TransactionStatus

from inbox.signals import blocked, unblocked
from outbox_core.database import own_connection, pinned
from outbox_core.process import waiting

CHECK_EVERY = 0.5
LATE_SECONDS = 3.0
LOOK_EVERY = 5.0
QUIET_SECONDS = 10.0
"""A statement that fails because of ``lock_timeout`` is soon tried again. That is the same wait."""
SETTINGS = {"statement_timeout": "5s", "synchronous_commit": "local"}


class Looping(Protocol):
    """A consumer, or a worker of one."""

    name: str

    @property
    def alive_at(self) -> float:
        """When its loop last made progress, by the monotonic clock."""

    def blocked(self, reason: str) -> None:
        """Say that a statement of the loop waits for this; empty: it does not wait any more."""


class Waiting:
    """While one statement of a loop takes longer than ``LATE_SECONDS``, looks through a connection of its own
    what that waits for. If it is a lock or a synchronous standby, it signals that once for each session, and
    ``loop`` says so in its status, as its heartbeat cannot now. While nothing is late, it runs no statement.

    Make it in the thread of the loop. Behind a pooler it finds nothing: there the number of the server
    process that Django's connection knows is not the one that has the statement.
    """

    def __init__(self, loop: Looping, database: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._database = database
        self._clock = clock
        self._connection = connections[database]
        self._pid = 0
        self._busy_since = self._look_at = self._waited_at = 0.0
        self._since: float | None = None
        self._signalled: set[tuple[bool, int | None]] = set()
        self._is_shown = False
        self._stopped = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Meanwhile a thread checks."""
        thread = threading.Thread(target=self._watch, name="inbox-waiting", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(CHECK_EVERY):
            self.check()

    def check(self) -> None:
        """Look if a statement is late."""
        now = self._clock()
        if self._is_late(now):
            if now >= self._look_at:
                self._look_at = now + LOOK_EVERY
                with suppress(Error, psycopg.Error):
                    self._look(now)
            return
        self._is_shown = False  # the loop writes its status again
        if self._since is not None and now - self._waited_at > QUIET_SECONDS:
            unblocked.send(self._loop.name, seconds=self._waited_at - self._since)
            self._since = None
            self._signalled.clear()

    def _is_late(self, now: float) -> bool:
        """Whether statements of one session, probably a single one, have run for so long, as far as this can
        be seen from outside.
        """
        pid = _busy(self._connection.connection)
        if pid != self._pid:
            self._pid, self._busy_since = pid, now
        return bool(pid) and now - max(self._busy_since, self._loop.alive_at) > LATE_SECONDS

    def _look(self, now: float) -> None:
        with own_connection(self._database), pinned(self._database, SETTINGS):
            rows = waiting.look(self._read, self._pid, seconds=LATE_SECONDS)
            row = waiting.blocking(rows)
            if row is not None:
                self._found((row.for_standby, row.blocker), waiting.reason(rows), now)
            elif self._is_shown:
                self._is_shown = False
                self._loop.blocked("")

    def _found(self, what: tuple[bool, int | None], reason: str, now: float) -> None:
        self._waited_at = now
        if self._since is None:
            self._since = max(self._busy_since, self._loop.alive_at)
        if what not in self._signalled:
            self._signalled.add(what)
            blocked.send(self._loop.name, reason=reason)
        if self._is_late(self._clock()):
            self._is_shown = True
            self._loop.blocked(reason)

    def _read(self, query: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        with connections[self._database].cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())


def _busy(session: Any) -> int:
    """The number of the server process that runs a statement of this session now; 0: none runs."""
    with suppress(psycopg.Error):  # the loop may close it at any moment
        if session is not None and session.pgconn.transaction_status == TransactionStatus.ACTIVE:
            return int(session.pgconn.backend_pid)
    return 0
