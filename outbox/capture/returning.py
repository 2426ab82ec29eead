"""Makes the INSERT or UPDATE of a save return the row, so that no second query is needed.

Django writes each table of a model in ``_do_insert`` or ``_do_update``. A model with parents has several
tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Protocol

from django.core.exceptions import EmptyResultSet
from django.db import ProgrammingError, connections
from django.db.models import Field, Manager, Model, QuerySet
from django.db.models.expressions import Col
from django.db.models.sql import UpdateQuery

from outbox.capture import inserts, updates
from outbox.capture.grants import with_grant
from outbox.capture.timestamps import load_fast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.backends.base.base import BaseDatabaseWrapper


class Collector(Protocol):
    """Takes what a statement wrote on its connection."""

    connection: BaseDatabaseWrapper

    def collect(self, values: Mapping[str, Any]) -> None: ...


CollectorOf = Callable[[Model, str], Collector | None]
"""The collector of a model's instance that is saved to a database."""

_INSERT: Any = Model._do_insert  # type: ignore[attr-defined]
_UPDATE: Any = Model._do_update
_MANAGER_INSERT: Any = Manager._insert  # type: ignore[attr-defined]
_QUERYSET_INSERT: Any = QuerySet._insert  # type: ignore[attr-defined]
_QUERYSET_UPDATE: Any = QuerySet._update  # type: ignore[attr-defined]


@cache
def can_return(model: type[Model], using: str) -> bool:
    """Whether the columns of a model come back as they are selected (those of PostGIS do not, nor those that
    are decrypted in SQL). The table of an unmanaged model may be a view, whose rules need not know RETURNING.
    """
    options = model._meta
    return (
        connections[using].vendor == "postgresql"
        and all(each._meta.managed for each in (model, *options.all_parents))
        and all(map(_is_selected_as_stored, options.concrete_fields))
    )


def _is_selected_as_stored(field: Any) -> bool:
    column = field.get_col(field.model._meta.db_table)
    return type(column) is Col and type(field).select_format is Field.select_format


@cache
def _inserts_as_django(manager: Any) -> bool:
    """Whether neither the base manager nor its querysets replace ``_insert``."""
    rows = manager.get_queryset()
    return type(manager)._insert is _MANAGER_INSERT and type(rows)._insert is _QUERYSET_INSERT


def wrap_writes(model: Any, collector_of: CollectorOf) -> None:
    """Make the saves of a model pass their rows to the collector that ``collector_of`` names. A model that
    overrides one of the two writes, or whose base manager replaces what they call, is read again after it.
    """
    if model._do_insert is _INSERT:
        setattr(model, "_do_insert", _returning_insert(collector_of))  # noqa: B010
    if model._do_update is _UPDATE:
        setattr(model, "_do_update", _returning_update(collector_of))  # noqa: B010


def _returning_insert(collector_of: CollectorOf) -> Any:
    @wraps(_INSERT)
    def _do_insert(self: Any, manager: Any, using: str, fields: Any, returning_fields: Any, raw: bool) -> Any:
        collector = collector_of(self, using)
        if collector is None or not _inserts_as_django(manager):
            return _INSERT(self, manager, using, fields, returning_fields, raw)
        row = _insert(self, manager.model, collector.connection, fields, raw)
        if row is None:  # a trigger has put it into another table, or nowhere
            return []
        collector.collect(row)
        return [[row[field.attname] for field in returning_fields]]

    return _do_insert


def _returning_update(collector_of: CollectorOf) -> Any:
    @wraps(_UPDATE)
    def _do_update(
        self: Any,
        base_qs: Any,
        using: str,
        pk_val: Any,
        values: Any,
        update_fields: Any,
        forced_update: Any,
        *returning_fields: Any,
    ) -> Any:
        collector = collector_of(self, using)
        is_own = self._meta.select_on_save or type(base_qs)._update is not _QUERYSET_UPDATE
        if collector is None or not values or is_own:
            arguments = (using, pk_val, values, update_fields, forced_update, *returning_fields)
            return _UPDATE(self, base_qs, *arguments)
        row = _update(base_qs, collector.connection, pk_val, values)
        if row is not None:
            collector.collect(row)
        if not returning_fields:
            return row is not None
        return [] if row is None else [[row[field.attname] for field in returning_fields[0]]]  # Django 6.0

    return _do_update


def _insert(
    instance: Model, model: type[Model], connection: BaseDatabaseWrapper, fields: Any, raw: bool
) -> Mapping[str, Any] | None:
    """As ``QuerySet._insert`` of one instance: its row, None if a trigger has suppressed it."""
    values = {f.attname: getattr(instance, f.attname) if raw else f.pre_save(instance, True) for f in fields}
    known = inserts.known(model, connection, fields, values)
    written = known or inserts.compiled(model, connection.alias, fields, values)
    return _row_of(model, connection, *written)


def _update(rows: Any, connection: BaseDatabaseWrapper, pk: object, values: Any) -> Mapping[str, Any] | None:
    """As ``QuerySet._update`` of one row: the row afterwards, None if there was none."""
    try:
        known = updates.known(rows, connection, pk, values)
        written = known or updates.compiled(rows, connection.alias, pk, values)
    except EmptyResultSet:  # no row can have this key
        return None
    return _row_of(rows.model, connection, *written)


def _row_of(
    model: type[Model], connection: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any]
) -> Mapping[str, Any] | None:
    """As ``rows_of`` of one row; None if nothing was written."""
    rows = rows_of(model, connection, statement, parameters)
    return rows[0] if rows else None


def rows_of(
    model: type[Model], connection: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any]
) -> list[dict[str, Any]]:
    """Run a statement that writes rows of one table: the rows by attribute."""
    names, columns, converters = _returned(model, connection.alias)
    try:
        with connection.cursor() as cursor:
            load_fast(cursor)
            cursor.execute(f"{statement} RETURNING {columns}", parameters)
            rows = cursor.fetchall()
    except ProgrammingError as error:
        privileges = f"SELECT, {statement.partition(' ')[0]}"
        raise with_grant(error, model, connection, privileges) from error.__cause__
    if converters:
        rows = UpdateQuery(model).get_compiler(connection.alias).apply_converters(rows, converters)
    return [dict(zip(names, row, strict=True)) for row in rows]


@cache
def _returned(model: Any, using: str) -> tuple[Sequence[str], str, Any]:
    """The attributes of a table, their columns, and how their values are converted: PostgreSQL's own backend
    adds no converters that belong to one connection.
    """
    options, quote = model._meta, connections[using].ops.quote_name
    fields = options.local_concrete_fields
    columns = ", ".join(quote(field.column) for field in fields)
    compiler = UpdateQuery(model).get_compiler(using)
    converters = compiler.get_converters([field.get_col(options.db_table) for field in fields])
    return [field.attname for field in fields], columns, converters
