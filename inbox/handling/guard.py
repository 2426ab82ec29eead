"""Checks each statement of a handler before it runs, through Django or through psycopg."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from inbox.errors import EffectsLost
from inbox.handling.endings import ENDED, refuse
from inbox.handling.savepoints import Blocks
from inbox.handling.session import SessionSettings
from inbox.handling.statements import as_text, is_plain

if TYPE_CHECKING:
    from psycopg import Cursor

    _Base = Cursor[Any]
else:
    _Base = object

CANCEL_SECONDS = 5.0


class StatementGuard:
    """Refuses what no handler may run, stores settings before they change, and notes savepoints.

    ``commit()`` and ``rollback()`` of a psycopg connection are not statements. After them, psycopg begins a
    new transaction with the next statement, and a second commit would make that one durable. So that next
    statement is refused.
    """

    def __init__(self, connection: BaseDatabaseWrapper, settings: SessionSettings, blocks: Blocks) -> None:
        self._connection = connection
        self._settings = settings
        self._blocks = blocks

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Watch the cursors that are made in this block."""
        session = self._connection.connection
        unwatched = session.cursor_factory
        self._settings.rows = rows = session.row_factory
        session.cursor_factory = partial(_watched(unwatched), guard=self)
        wrappers = self._connection.execute_wrappers
        wrappers.append(_refuse_another_transaction)
        try:
            yield
        finally:
            session.cursor_factory, session.row_factory = unwatched, rows
            wrappers.remove(_refuse_another_transaction)  # a handler may have left another one behind it
            drop_busy(self._connection)

    def check(self, sql: Any, params: Any = None) -> None:
        """Raises EffectsLost: no handler may run this statement."""
        _refuse_idle(self._connection)
        text = as_text(sql)
        if not is_plain(text):
            self._refuse(text)
            self._settings.store(self._connection, text, params)
            self._blocks.note(text)

    def _refuse(self, sql: str) -> None:
        try:
            refuse(sql)
        except EffectsLost as error:
            # A handler that catches this assumes that its writes were rolled back. So make that true.
            self._connection.needs_rollback = True
            self._connection.rollback_exc = error  # type: ignore[attr-defined]
            raise


class _Watched(_Base):
    """A cursor of psycopg whose statements are checked before they run."""

    def __init__(self, *arguments: Any, guard: StatementGuard, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._guard = guard

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self._guard.check(query, params)
        return super().execute(query, params, **options)

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        self._guard.check(query)
        super().executemany(query, params_seq, **options)

    def stream(self, query: Any, params: Any = None, **options: Any) -> Any:
        self._guard.check(query, params)
        return super().stream(query, params, **options)

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:
        self._guard.check(statement, params)
        return super().copy(statement, params, **options)


@cache
def _watched(factory: type) -> type:
    return type("WatchedCursor", (_Watched, factory), {})


def _refuse_another_transaction(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """An execute wrapper. Django makes cursors on the server, as for iterator(), without the factory."""
    _refuse_idle(context["connection"])
    return execute(sql, params, many, context)


def drop_busy(connection: BaseDatabaseWrapper) -> bool:
    """Close a connection on which something still runs: a COPY or stream() that a handler left open, or the
    statement of a handler that was interrupted. No statement can follow, not even a ROLLBACK, and the server
    would go on, and keep the locks of the transaction. Returns whether something ran.
    """
    session = connection.connection
    is_busy = session is not None and session.pgconn.transaction_status == TransactionStatus.ACTIVE
    if is_busy:
        with suppress(psycopg.Error):
            session.cancel_safe(timeout=CANCEL_SECONDS)
        connection.close()
    return is_busy


def _refuse_idle(connection: BaseDatabaseWrapper) -> None:
    session = connection.connection
    if session is not None and session.pgconn.transaction_status == TransactionStatus.IDLE:
        raise EffectsLost(ENDED)
