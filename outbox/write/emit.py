"""Writes events to the outbox, in the transaction of the change that they report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, ProgrammingError, connections

from outbox.errors import TablesMissing
from outbox.write import transactions
from outbox.write.row import NewRow
from outbox.write.serialize import serialize_writers
from outbox.write.writing import write

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from outbox.write.event_class import AnyEvent

_UNDEFINED_TABLE = "42P01"


def emit(
    event: AnyEvent,
    *more: AnyEvent,
    using: str = DEFAULT_DB_ALIAS,
    attributes: Mapping[str, object] | None = None,
) -> list[UUID]:
    """Write events to the outbox of database ``using``; they are published if and only if its transaction
    commits. ``attributes`` are their extension attributes, such as ``{"tenant": "t1"}``.

    Returns their event ids. Raises TransactionRequired outside a transaction, and a kind of EventRejected for
    an event that could not be published: see outbox.errors.
    """
    return emit_many((event, *more), using=using, attributes=attributes)


def emit_many(
    events: Iterable[AnyEvent],
    *,
    using: str = DEFAULT_DB_ALIAS,
    attributes: Mapping[str, object] | None = None,
) -> list[UUID]:
    """Like ``emit``, for any number of events. One statement writes them in their order."""
    connection = connections[using]
    transactions.require(connection)
    return _insert([NewRow.of(event, attributes) for event in events], connection)


async def aemit(
    event: AnyEvent,
    *more: AnyEvent,
    using: str = DEFAULT_DB_ALIAS,
    attributes: Mapping[str, object] | None = None,
) -> list[UUID]:
    """Like ``emit``, from async code whose connection is in a transaction: in a test, or with autocommit off.

    Django's ``atomic()`` is not async: where a change and its event belong together, put both into one
    function and call that with ``sync_to_async``.
    """
    return await sync_to_async(emit)(event, *more, using=using, attributes=attributes)


def insert(new_rows: Sequence[NewRow], using: str) -> list[UUID]:
    """Write rows that ``NewRow.of`` made. Returns the event ids."""
    return insert_on(connections[using], new_rows) if new_rows else []


def insert_on(connection: BaseDatabaseWrapper, new_rows: Sequence[NewRow]) -> list[UUID]:
    """Like ``insert``, for a caller that has the connection already: looking it up costs about 10,000 CPU
    instructions.
    """
    if not new_rows:
        return []
    transactions.require(connection)
    return _insert(new_rows, connection)


def _insert(new_rows: Sequence[NewRow], connection: BaseDatabaseWrapper) -> list[UUID]:
    if not new_rows:
        return []
    _require_postgresql(connection)
    keys = [new_row.key for new_row in new_rows if new_row.serialize]
    if keys:
        serialize_writers(connection, keys)
    try:
        write(connection, new_rows)
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != _UNDEFINED_TABLE:
            raise
        using = connection.alias
        raise TablesMissing(
            f"Database {using!r} has no table outbox_event. Run `manage.py migrate outbox --database "
            f"{using}`; if it is there in another schema, set OUTBOX['SCHEMA']."
        ) from error
    return [new_row.event_id for new_row in new_rows]


def _require_postgresql(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor != "postgresql":
        raise ImproperlyConfigured(
            f"Database {connection.alias!r} is {connection.display_name}, and the outbox needs PostgreSQL."
        )
