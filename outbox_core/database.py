"""Opens every session on the log, as Django opens connections. Then it sets everything that the log depends
on, so that defaults of roles, databases or postgresql.conf have no effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

KEEPALIVE = {
    "connect_timeout": 3,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
"""Detects a dead host. OPTIONS of DATABASES win."""
BY_INDEX = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "on",
    "enable_nestloop": "on",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""With stale statistics the planner may read millions of rows to find a few. Up to PostgreSQL 17 it also
starts parallel workers to divide a sequential scan of two rows: being switched off, it seems to cost a lot.
"""
PINS = {
    "row_security": "off",  # PostgreSQL then refuses a query whose rows a policy would hide
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "60s",
    "idle_session_timeout": "0",
    "datestyle": "ISO, MDY",
    "array_nulls": "on",
    "quote_all_identifiers": "off",  # the proof compares what pg_get_expr() writes
}
PINS_FROM_17 = {"transaction_timeout": "0"}
SESSION = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "timezone": "UTC",
}
"""More settings, for a session that is not shared."""
LOSES_COMMITS = {"off"}
"""Values of synchronous_commit with which a crash can lose commits."""


def pins(server_version: int, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings of a session on the log. ``settings`` adds to them or replaces them."""
    later = PINS_FROM_17 if server_version >= 170_000 else {}
    return {**PINS, **later, **settings}


def set_all(settings: Mapping[str, str], *, local: bool) -> tuple[str, list[str]]:
    """One statement that sets them, for the transaction (``local``) or the session, and its parameters."""
    calls = ", ".join([f"set_config(%s, %s, {str(local).lower()})"] * len(settings))
    return f"SELECT {calls}", [text for pair in settings.items() for text in pair]


def own(alias: str) -> BaseDatabaseWrapper:
    """A new connection to a database, made as Django makes its own, and not shared. It is not yet open.

    A custom backend, ``assume_role``, a service file and receivers of ``connection_created`` all apply. It
    does not come from Django's pool, because it stays open and has settings of its own.
    """
    wrapper = connections[alias].copy()
    options = {**KEEPALIVE, **wrapper.settings_dict["OPTIONS"]}
    options.pop("pool", None)
    wrapper.settings_dict |= {"OPTIONS": options, "AUTOCOMMIT": True}
    translated = _as_errors_of_the_database()(wrapper.get_new_connection)
    wrapper.get_new_connection = translated  # type: ignore[method-assign]
    return wrapper


@contextmanager
def _as_errors_of_the_database() -> Iterator[None]:
    """psycopg lets some errors of the operating system through while it connects, as where the process may
    open no more files.
    """
    try:
        yield
    except OSError as error:
        raise psycopg.OperationalError(str(error)) from error


@contextmanager
def own_connection(alias: str) -> Iterator[None]:
    """Use a connection of ``own`` as Django's connection of this thread, and close it at the end."""
    before = connections[alias]
    wrapper = connections[alias] = own(alias)
    try:
        yield
    finally:
        wrapper.close()
        connections[alias] = before


def connect(wrapper: BaseDatabaseWrapper) -> psycopg.Connection[Any]:
    """Open a connection of ``own``: psycopg's, in autocommit, READ COMMITTED and read-write.

    Raises psycopg.Error if the database does not answer.
    """
    try:
        wrapper.connect()
    except BaseException as error:
        if wrapper.connection is not None:
            wrapper.connection.close()
        if isinstance(error, DatabaseError | InterfaceError) and isinstance(error.__cause__, psycopg.Error):
            raise error.__cause__ from None
        raise
    raw = wrapper.connection
    if not isinstance(raw, psycopg.Connection):
        raise ImproperlyConfigured(
            f"Database {wrapper.alias!r} connects by {type(raw).__module__}; the outbox needs psycopg 3."
        )
    raw.cursor_factory = psycopg.Cursor
    raw.isolation_level, raw.read_only, raw.deferrable = psycopg.IsolationLevel.READ_COMMITTED, False, False
    return raw


@contextmanager
def pinned(
    using: str,
    settings: Mapping[str, str] | None = None,
    *,
    isolation: str = "READ COMMITTED",
    undo: bool = False,
    durable: bool = False,
) -> Iterator[None]:
    """A transaction on Django's connection with the settings of the log and ``settings``. ``undo`` rolls it
    back at the end, for reading; an outer transaction then has its own settings again. ``durable`` refuses to
    run inside another transaction.
    """
    connection = connections[using]
    within = connection.in_atomic_block or not connection.get_autocommit()
    with transaction.atomic(using=using, durable=durable):
        with connection.cursor() as cursor:
            if not within:
                mode = "" if undo else ", READ WRITE, NOT DEFERRABLE"
                cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}{mode}")
            cursor.execute(*set_all(pins(_version(connection), settings or {}), local=True))
        yield
        if undo:  # rolling back a savepoint restores the settings; releasing it does not
            transaction.set_rollback(True, using=using)


@contextmanager
def by_index(using: str, **settings: str) -> Iterator[None]:
    """A transaction in which the planner uses the indexes, even with wrong statistics. Only read in it: it
    ends with a rollback. ``settings`` are more settings of PostgreSQL, such as ``statement_timeout``.
    """
    with pinned(using, BY_INDEX | settings, undo=True):
        yield


def _version(connection: BaseDatabaseWrapper) -> int:
    return int(connection.connection.info.server_version)
