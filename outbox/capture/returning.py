"""Makes the INSERT or UPDATE of a save return the row, so that no second query is needed.

Django writes each table of a model in ``_do_insert`` or ``_do_update``. A model with parents has several
tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.db.models import Field, Model
from django.db.models.sql import UpdateQuery

if TYPE_CHECKING:
    from collections.abc import Mapping

Collector = Callable[["Mapping[str, Any]"], None]
CollectorOf = Callable[[Model], "Collector | None"]


def can_return(model: type[Model], using: str) -> bool:
    """Whether the columns of a model come back as they are selected (those of PostGIS do not)."""
    return connections[using].vendor == "postgresql" and _selects_plainly(model)


@cache
def _selects_plainly(model: type[Model]) -> bool:
    return all(type(field).select_format is Field.select_format for field in model._meta.concrete_fields)


def wrap_writes(model: Any, collector_of: CollectorOf) -> None:
    """Make the saves of a model pass their rows to the collector that ``collector_of`` names."""
    if not getattr(model._do_insert, "guarded_by_outbox", False):
        setattr(model, "_do_insert", _marked(_returning_insert(model, collector_of)))  # noqa: B010
    if model._do_update is Model._do_update:  # a model that overrides it is read again
        setattr(model, "_do_update", _marked(_returning_update(model, collector_of)))  # noqa: B010


def _marked(function: Any) -> Any:
    function.guarded_by_outbox = True
    return function


def _returning_insert(model: Any, collector_of: CollectorOf) -> Any:
    own = model.__dict__.get("_do_insert")

    @wraps(model._do_insert)
    def _do_insert(self: Any, manager: Any, using: str, fields: Any, returning_fields: Any, raw: bool) -> Any:
        original = own.__get__(self) if own else super(model, self)._do_insert
        collect = collector_of(self)
        if collect is None:
            return original(manager, using, fields, returning_fields, raw)
        asked = list(returning_fields)
        every = [
            *asked,
            *(field for field in manager.model._meta.local_concrete_fields if field not in asked),
        ]
        rows = original(manager, using, fields, every, raw)
        if rows:
            collect(_by_attribute(every, rows[0]))
        return [row[: len(asked)] for row in rows]

    return _do_insert


def _returning_update(model: Any, collector_of: CollectorOf) -> Any:
    own = model.__dict__.get("_do_update")

    @wraps(model._do_update)
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
        collect = collector_of(self)
        if collect is None or not values or self._meta.select_on_save:
            original = own.__get__(self) if own else super(model, self)._do_update
            return original(base_qs, using, pk_val, values, update_fields, forced_update, *returning_fields)
        row = _update(base_qs.filter(pk=pk_val), using, values)
        if row is not None:
            collect(row)
        if not returning_fields:
            return row is not None
        return [] if row is None else [[row[field.attname] for field in returning_fields[0]]]  # Django 6.0

    return _do_update


def _update(rows: Any, using: str, values: Any) -> Mapping[str, Any] | None:
    """As ``QuerySet._update``: the row afterwards, None if there was none."""
    query = rows.query.chain(UpdateQuery)
    query.add_update_fields(values)
    query.annotations = {}
    compiler = query.get_compiler(using)
    statement, parameters = compiler.as_sql()
    fields, columns, converters = _returned(query.get_meta().model, using)
    with transaction.mark_for_rollback_on_error(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"{statement} RETURNING {columns}", parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    (converted,) = compiler.apply_converters([row], converters) if converters else [row]
    return _by_attribute(fields, converted)


@cache
def _returned(model: Any, using: str) -> tuple[Sequence[Any], str, Any]:
    """The fields of a table, their columns, and how their values are converted: PostgreSQL's own backend adds
    no converters that belong to one connection.
    """
    options, quote = model._meta, connections[using].ops.quote_name
    fields = options.local_concrete_fields
    columns = ", ".join(f"{quote(options.db_table)}.{quote(field.column)}" for field in fields)
    compiler = UpdateQuery(model).get_compiler(using)
    return fields, columns, compiler.get_converters([field.get_col(options.db_table) for field in fields])


def _by_attribute(fields: Sequence[Any], row: Sequence[Any]) -> Mapping[str, Any]:
    return {field.attname: value for field, value in zip(fields, row, strict=True)}
