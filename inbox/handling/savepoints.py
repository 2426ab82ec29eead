"""Ends savepoints and blocks of a handler with its event: later, they would undo the effects of others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from inbox.errors import EffectsLost
from inbox.handling.statements import SEMICOLON, SPACE, statements

LEFT_OPEN = (
    "a handler left a transaction block open (transaction.atomic(), or transaction() of psycopg), whose end "
    "would undo the effects of other events: leave each block in the handler that entered it"
)
_SAVEPOINT = re.compile(
    SPACE + r"(SAVEPOINT|RELEASE(?:\s+SAVEPOINT)?|ROLLBACK(?:\s+(?:WORK|TRANSACTION))?\s+TO(?:\s+SAVEPOINT)?)"
    r'\s+("(?:[^"]|"")*"|[^\s;"]+)',
    re.IGNORECASE | re.DOTALL,
)


class Savepoints:
    """The open savepoints of a handler, by the statements that it ran."""

    def __init__(self) -> None:
        self.open: list[str] = []
        """Their names in quotes, in the order in which they began."""

    def note(self, sql: str) -> None:
        """A handler is about to run this statement."""
        found = statements(sql)
        for statement in found[1:] or found:
            if match := _SAVEPOINT.match(statement):
                self._note(match[1].upper(), _quoted(match[2]))

    def _note(self, verb: str, name: str) -> None:
        if verb == "SAVEPOINT":
            self.open.append(name)
        elif name in self.open:
            last = len(self.open) - 1 - self.open[::-1].index(name)
            del self.open[last if verb.startswith("RELEASE") else last + 1 :]


class Blocks:
    """What is open in the transaction of a unit of work."""

    def __init__(self) -> None:
        self._savepoints = Savepoints()
        self._depth = (0, 0)

    @contextmanager
    def within(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """A transaction in which handlers run. Django would take a block that is left open for the outermost
        one, and commit nothing.
        """
        self._savepoints.open.clear()
        self._depth = _depth(connection)
        blocks = len(connection.atomic_blocks)
        try:
            yield
        finally:
            del connection.savepoint_ids[self._depth[0] :], connection.atomic_blocks[blocks:]

    def note(self, sql: str) -> None:
        """A handler is about to run this statement."""
        self._savepoints.note(sql)

    def end(self, connection: BaseDatabaseWrapper) -> None:
        """An event is handled: from now on no savepoint of it exists.

        Raises:
            EffectsLost: a block is still open.
        """
        if _depth(connection) != self._depth:
            raise EffectsLost(LEFT_OPEN)
        if self._savepoints.open:
            with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
                cursor.execute(f"RELEASE SAVEPOINT {self._savepoints.open[0]}".encode())
            self._savepoints.open.clear()


def leave_all(connection: BaseDatabaseWrapper) -> None:
    """Outside a transaction of the inbox: drop a connection on which a block was left open.

    Raises:
        EffectsLost: there was one.
    """
    if connection.in_atomic_block:
        connection.in_atomic_block = connection.needs_rollback = False
        connection.savepoint_ids.clear()
        connection.atomic_blocks.clear()
        connection.close()
        raise EffectsLost(LEFT_OPEN)


def _depth(connection: BaseDatabaseWrapper) -> tuple[int, int]:
    """How many blocks of Django and psycopg are open. psycopg has no public name for this."""
    return len(connection.savepoint_ids), getattr(connection.connection, "_num_transactions", 0)


def _quoted(name: str) -> str:
    return name.replace(SEMICOLON, ";") if name.startswith('"') else f'"{name.lower()}"'
