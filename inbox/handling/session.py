"""Restores the settings of the session that a handler changed, so that later events do not run with them,
drops its temporary tables, which hide others of the same name from later events, and releases the locks of
the session that it took, so that no other process waits for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError
from django.db.backends.base.base import BaseDatabaseWrapper

from inbox.database import UNAVAILABLE
from inbox.handling.statements import LOCK, SET_CONFIG, SPACE, calls, makes_temporary, statements

_SETS = re.compile(
    SPACE + r"(?:SET|RESET)\s+(?!CONSTRAINTS\b|TRANSACTION\b)(?:LOCAL\s+|SESSION\s+(?!AUTHORIZATION\b))?"
    r'(TIME\s+ZONE\b|SESSION\s+AUTHORIZATION\b|(?:"[^"]+"|[\w.])+)',
    re.IGNORECASE | re.DOTALL,
)
_ALIASES = {
    "time zone": ("timezone",),
    "session authorization": ("session_authorization", "role"),
    "names": ("client_encoding",),
    "schema": ("search_path",),
    "characteristics": (
        "default_transaction_isolation",
        "default_transaction_read_only",
        "default_transaction_deferrable",
    ),
}
_LITERAL = re.compile("'([^']+)'")
_OF_THE_UNIT = "idle_in_transaction_session_timeout"
"""Each unit of work sets it for its own transaction, so it is restored for that one only."""
_BEFORE = "SELECT name, current_setting(name, true) FROM unnest(%s::text[]) AS name"
_RESTORE = """
    SELECT set_config(name, coalesce(value, ''), name = %s)
    FROM unnest(%s::text[], %s::text[]) AS before (name, value)
    WHERE current_setting(name, true) IS DISTINCT FROM value
"""
_UNLOCK = "SELECT pg_advisory_unlock_all()"
_DROP = "DISCARD TEMPORARY"


class SessionSettings:
    """Stores each setting before a handler changes it. A transaction in which no handler runs SET or
    set_config() costs no statement. Functions that change settings are not seen. The same holds for temporary
    tables, and for advisory locks of the session: unlike those of the transaction, these outlive it, also if
    it is rolled back.
    """

    def __init__(self) -> None:
        self.rows: Any = None
        """The row factory of psycopg, which nobody else can read rows without."""
        self._before: dict[str, str | None] = {}
        self._is_changed = False
        self._has_locks = self._has_tables = False

    @contextmanager
    def within(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """A transaction in which handlers run. If it is rolled back, PostgreSQL restores the settings."""
        self._before.clear()
        self._is_changed = self._has_tables = False
        try:
            yield
        finally:
            self._unlock(connection)
        self._end(connection)

    def store(self, connection: BaseDatabaseWrapper, sql: str, params: Any) -> None:
        """A handler is about to run this statement: store what it may change."""
        self._has_locks = self._has_locks or calls(sql, LOCK)
        self._has_tables = self._has_tables or makes_temporary(sql)
        if changed := names(sql, params):
            self._is_changed = True
            if new := changed - self._before.keys():
                self._before.update(_run(connection, _BEFORE, (sorted(new),)))

    def restore(self, connection: BaseDatabaseWrapper) -> None:
        """An event is handled: restore the settings and drop the tables before the next one, also in a later
        transaction. After the commit it would be too late for functions of on_commit(), and a pooler may give
        the session to others.
        """
        connection.connection.row_factory = self.rows
        if self._is_changed:
            self._is_changed = False
            self._restore(connection)
        if self._has_tables:
            self._has_tables = False
            _run(connection, _DROP, ())

    def _end(self, connection: BaseDatabaseWrapper) -> None:
        """The transaction is committed: restore what SET LOCAL has hidden until now."""
        self._before.pop(_OF_THE_UNIT, None)
        if self._before and connection.connection is not None:  # a function of on_commit() may have closed it
            try:
                self._restore(connection)
            except UNAVAILABLE:
                connection.close()  # a new connection has the settings as they were

    def _unlock(self, connection: BaseDatabaseWrapper) -> None:
        if self._has_locks:
            self._has_locks = False
            if connection.connection is not None:
                try:
                    _run(connection, _UNLOCK, ())
                except (DatabaseError, InterfaceError):
                    connection.close()  # which releases them, too

    def _restore(self, connection: BaseDatabaseWrapper) -> None:
        _run(connection, _RESTORE, (_OF_THE_UNIT, [*self._before], [*self._before.values()]))


def names(sql: str, params: Any) -> set[str]:
    """The settings that a statement may change. For set_config() these are all texts in it."""
    found = {name for statement in statements(sql) for name in _set(statement)}
    if calls(sql, SET_CONFIG):
        values = params.values() if isinstance(params, Mapping) else params or ()
        found |= {*_LITERAL.findall(sql), *(value for value in values if isinstance(value, str))}
    return {name.lower() for name in found}


def _set(statement: str) -> Sequence[str]:
    match = _SETS.match(statement)
    if match is None:
        return ()
    name = " ".join(match[1].replace('"', "").lower().split())
    return _ALIASES.get(name, (name,))


def _run(connection: BaseDatabaseWrapper, sql: str, params: Sequence[Any]) -> list[Any]:
    """Through a cursor that nobody watches."""
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []
