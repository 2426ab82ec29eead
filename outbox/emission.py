"""Writing events to the outbox, in the transaction of the change they tell of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, ProgrammingError, connections

from outbox import tables, transactions
from outbox.entry import Entry
from outbox.errors import TablesMissing
from outbox.serialize import serialize_writers
from outbox.sql import INSERT_EVENT, INSERT_EVENTS

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_UNDEFINED_TABLE = "42P01"


def emit(event: object, *more: object, using: str = DEFAULT_DB_ALIAS) -> list[UUID]:
    """Write events to the outbox of database ``using``; they are published if and only if its transaction
    commits.

    Returns their event ids. Raises TransactionRequired outside a transaction, and a kind of EventRejected for
    an event that could not be published: see outbox.errors.
    """
    return emit_many((event, *more), using=using)


def emit_many(events: Iterable[object], *, using: str = DEFAULT_DB_ALIAS) -> list[UUID]:
    """As ``emit``: any number of events, written in their order by one INSERT."""
    transactions.require(connections[using])
    return insert([Entry.of(event) for event in events], using)


def insert(entries: Sequence[Entry], using: str) -> list[UUID]:
    """Write what ``Entry.of`` made of events; the ids of the events."""
    if not entries:
        return []
    connection = connections[using]
    transactions.require(connection)
    _require_postgresql(connection)
    keys = [entry.key for entry in entries if entry.serialize]
    if keys:
        serialize_writers(connection, keys)
    try:
        _execute(connection, entries)
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != _UNDEFINED_TABLE:
            raise
        raise TablesMissing(
            f"Database {using!r} has no table outbox_event. Run `manage.py migrate outbox --database "
            f"{using}`; if it is there in another schema, set OUTBOX['SCHEMA']."
        ) from error
    return [entry.event_id for entry in entries]


def _execute(connection: BaseDatabaseWrapper, entries: Sequence[Entry]) -> None:
    qualifier = tables.qualifier()
    if len(entries) == 1:
        transactions.execute(connection, INSERT_EVENT.format(schema=qualifier), entries[0].columns())
    else:
        columns = [list(column) for column in zip(*(entry.columns() for entry in entries), strict=True)]
        transactions.execute(connection, INSERT_EVENTS.format(schema=qualifier), columns)


def _require_postgresql(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor != "postgresql":
        raise ImproperlyConfigured(
            f"Database {connection.alias!r} is {connection.display_name}, and an outbox lives in PostgreSQL "
            "only."
        )
