"""The relay's own session on the log: binary, with the settings that hold the hot plans."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import psycopg

from outbox.conf import settings
from outbox.log import proof
from outbox.log.privileges import RELAY
from outbox.log.rows import ROW
from outbox_core import database
from outbox_core.operations import deeds
from outbox_core.operations.deeds import Deed, Diary
from relay.errors import NotPrimary
from relay.sql import statement

PLANNER = {**database.BY_INDEX, "plan_cache_mode": "force_generic_plan"}
_FACTS = """
    SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('synchronous_commit'),
           coalesce(quote_ident(nullif(%(schema)s::text, '')), (
               SELECT quote_ident(nspname) FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
               WHERE pg_class.oid = to_regclass('outbox_event')))
"""


class Session:
    """Runs the named statements of ``relay/sql``. A checkpoint is on disk when its statement returns,
    whatever the database's default is. No statement takes longer than ``statement_seconds``.

    Behind a pooler in transaction mode (PgBouncer) session settings do not last and prepared statements are
    not shared: so there each statement sets them in its own transaction, and nothing is prepared. A pooler is
    recognised by a backend pid that is not the server's. ``opened`` is called before the first statement, so
    that the watchdog can ``abort`` that one, too.

    Raises:
        psycopg.OperationalError: the database does not answer.
        NotPrimary: it is a standby, where ``pg_current_snapshot()`` does not show what is committed.
    """

    def __init__(
        self,
        alias: str,
        *,
        opened: Callable[[Session], None] = lambda _: None,
        statement_seconds: float = 30.0,
        diary: Diary | None = None,
    ) -> None:
        self.pid = 0
        """Of its process in the server; 0 before it is connected, and behind a pooler."""
        self._diary = diary or Diary("relay")
        self._wrapper = database.own(alias)
        opened(self)
        self.connection = database.connect(self._wrapper)
        try:
            self._configure(alias, statement_seconds)
        except BaseException:
            self.connection.close()
            raise

    def _configure(self, alias: str, statement_seconds: float) -> None:
        self.connection.prepare_threshold = None
        facts = self.connection.execute(_FACTS, {"schema": settings().schema}).fetchone()
        assert facts is not None
        pid, standby, durability, schema = facts
        if standby:
            raise NotPrimary(
                f"Database {alias!r} is a standby; the log is read from the primary. Point the relay at that."
            )
        self._schema = f"{schema}." if schema else ""
        self._settings = self._pins(statement_seconds, durability, schema)
        self._cursor = self.connection.cursor(binary=True)
        self.pooled = pid != self.connection.info.backend_pid
        if not self.pooled:
            self.pid = pid
            self.connection.execute(*database.set_all(self._settings, local=False))
            self.connection.prepare_threshold = 0

    def _pins(self, statement_seconds: float, durability: str, schema: str | None) -> dict[str, str]:
        milliseconds = str(int(statement_seconds * 1000))
        ours = {
            **database.SESSION,
            **PLANNER,
            "statement_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
        }
        if durability in database.LOSES_COMMITS:
            ours["synchronous_commit"] = "on"
        if schema:
            ours["search_path"] = schema
        role = self._wrapper.settings_dict["OPTIONS"].get("assume_role")
        if role:  # a pooler forgets Django's SET ROLE
            ours["role"] = role
        return database.pins(self.connection.info.server_version, ours)

    def prove(self) -> None:
        """Raise LogUnsafe unless this session sees the log that writers write, whole and in order."""
        found = proof.facts(self.read, RELAY)
        for refusal in proof.refusals(self.read, found, strict=True) if found else ():
            raise refusal

    def read(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of any statement."""
        with self._pinned():
            return self.connection.execute(query, parameters).fetchall()

    @contextlib.contextmanager
    def _pinned(self) -> Iterator[None]:
        """The settings apply inside this: for the session, or behind a pooler for one transaction."""
        if not self.pooled:
            yield
            return
        with self.connection.transaction():
            self.connection.execute(*database.set_all(self._settings, local=True))
            yield

    def fetch(self, name: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """The rows of ``relay/sql/<name>.sql``."""
        query = qualified(name, self._schema)
        if not self.pooled:
            return self._cursor.execute(query, parameters).fetchall()
        with self._in_one_trip():
            self._cursor.execute(query, parameters)
        return self._cursor.fetchall()

    @contextlib.contextmanager
    def _in_one_trip(self) -> Iterator[None]:
        """Like ``_pinned``. All statements are sent at once."""
        try:
            with self.connection.pipeline(), self._pinned():
                yield
        except Exception as error:
            if isinstance(error, psycopg.Error) or not self.connection.closed:
                raise
            # If the connection breaks in a pipeline, psycopg may fail in its own queue of results.
            raise psycopg.OperationalError(f"the connection was lost in a pipeline: {error}") from error

    def run(self, name: str, parameters: Mapping[str, Any]) -> int:
        """The number of rows that ``relay/sql/<name>.sql`` wrote."""
        with self._pinned():
            return self.connection.execute(qualified(name, self._schema), parameters).rowcount

    def act(
        self, name: str, parameters: Mapping[str, Any], deed: Callable[..., Deed]
    ) -> Sequence[tuple[Any, ...]]:
        """The rows of ``relay/sql/<name>.sql``. If there are any, ``deed``, which gets the first one, is
        written into the ledger in the same transaction.
        """
        with self.connection.transaction(), self._pinned():
            rows = self._cursor.execute(qualified(name, self._schema), parameters).fetchall()
            if rows:
                self._write(deed(*rows[0]))
        return rows

    def _write(self, deed: Deed) -> None:
        query = deeds.statement(f"{self._schema}outbox_ledger")
        (row,) = self._cursor.execute(query, self._diary.parameters(deed)).fetchall()
        self._diary.noted(deed, row[0])

    def delete_hold(self, hold: int, deed: Deed) -> bool:
        """End a hold if nothing waits behind it and no other session is using it, and write the ``deed`` into
        the ledger. ``relay/sql/holds/delete_hold.sql`` explains why that takes two statements.
        """
        lock = f"SELECT FROM {self._schema}outbox_hold WHERE id = %s FOR UPDATE SKIP LOCKED"
        with self.connection.transaction(), self._pinned():
            if not self.connection.execute(lock, (hold,)).fetchall():
                return False
            query = qualified("holds/delete_hold", self._schema)
            ended = bool(self.connection.execute(query, {"hold": hold}).fetchall())
            if ended:
                self._write(deed)
            return ended

    def commit_locally(self) -> None:
        """Do not wait for standbys from now on."""
        if not self.pooled:
            self.connection.execute("SET synchronous_commit = local")

    def abort(self) -> None:
        """Break a statement that hangs, from another thread. Its caller gets an OperationalError."""
        raw = self._wrapper.connection
        if raw is None:
            return
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(raw.fileno())) as wire,
        ):
            wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.connection.close()


@cache
def qualified(name: str, schema: str) -> str:
    """The text of a statement with ``{schema}`` and ``{row}`` filled in."""
    return statement(name).replace("{schema}", schema).replace("{row}", ROW)
