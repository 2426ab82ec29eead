"""A connection of the relay's own to the outbox's database: autocommit, binary, with planner settings that
hold the hot plans.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import psycopg
from django.db import connections

from relay.errors import NotPrimary
from relay.sql import statement

PLANNER = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
KEEPALIVE = {
    "connect_timeout": 3,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
_FIND_SCHEMA = """
    SELECT quote_ident(nspname) FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE pg_class.oid = to_regclass('outbox_event')
"""


class Session:
    """Runs the named statements of ``relay/sql``. A checkpoint is on disk when it is made, whatever the
    database's default says.

    Behind a pooler in transaction mode (PgBouncer) session settings do not last and prepared statements are
    not shared: there the planner settings go along with each statement, in a transaction, and nothing is
    prepared. A pooler shows itself by a backend pid that is not the server's. ``opened`` is called before the
    first statement, so that somebody else can ``abort`` that one, too.

    Raises:
        psycopg.OperationalError: the database does not answer.
        NotPrimary: it is a standby, where ``pg_current_snapshot()`` does not tell what is committed.
    """

    def __init__(self, alias: str, *, opened: Callable[[Session], None] = lambda _: None) -> None:
        parameters = connections[alias].get_connection_params()
        for ours in ("cursor_factory", "context", "prepare_threshold", "server_side_binding", "autocommit"):
            parameters.pop(ours, None)
        self.connection = psycopg.connect(**{**KEEPALIVE, **parameters}, autocommit=True)
        opened(self)
        try:
            self._configure(alias)
        except BaseException:
            self.connection.close()
            raise

    def _configure(self, alias: str) -> None:
        self.connection.prepare_threshold = None
        facts = self.connection.execute(
            "SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('synchronous_commit')"
        ).fetchone()
        pid, standby, durable = facts or (0, True, "")
        if standby:
            raise NotPrimary(
                f"Database {alias!r} is a standby; the log is read from the primary. Point the relay at that."
            )
        self._settings = PLANNER if durable != "off" else {**PLANNER, "synchronous_commit": "on"}
        self._cursor = self.connection.cursor(binary=True)
        self.pooled = pid != self.connection.info.backend_pid
        if not self.pooled:
            for name, value in self._settings.items():
                self.connection.execute(f"SET {name} = {value}")
            self.connection.prepare_threshold = 0
        row = self.connection.execute(_FIND_SCHEMA).fetchone()
        self._schema = f"{row[0]}." if row else ""

    def fetch(self, name: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """The rows of ``relay/sql/<name>.sql``."""
        query = qualified(name, self._schema)
        if not self.pooled:
            return self._cursor.execute(query, parameters).fetchall()
        with self.connection.pipeline(), self.connection.transaction():
            for setting, value in self._settings.items():
                self.connection.execute("SELECT set_config(%s, %s, true)", (setting, value))
            self._cursor.execute(query, parameters)
        return self._cursor.fetchall()

    def run(self, name: str, parameters: Mapping[str, Any]) -> int:
        """The number of rows that ``relay/sql/<name>.sql`` wrote."""
        return self.connection.execute(qualified(name, self._schema), parameters).rowcount

    def lift(self, hold: int) -> bool:
        """End a hold if nothing waits behind it, and nobody is at it; see ``relay/sql/lift.sql`` for why that
        takes two statements.
        """
        lock = f"SELECT FROM {self._schema}outbox_hold WHERE id = %s FOR UPDATE SKIP LOCKED"
        with self.connection.transaction():
            if not self.connection.execute(lock, (hold,)).fetchall():
                return False
            return bool(self.connection.execute(qualified("lift", self._schema), {"hold": hold}).fetchall())

    def abort(self) -> None:
        """Break a statement that hangs, from another thread: its caller gets an OperationalError."""
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(self.connection.fileno())) as wire,
        ):
            wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.connection.close()


@cache
def qualified(name: str, schema: str) -> str:
    return statement(name).replace("{schema}", schema)
