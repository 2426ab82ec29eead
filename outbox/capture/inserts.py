"""The INSERT of one row, as Django writes it. Its text is kept: compiling it is a large part of a save."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from django.db.models import Model
from django.db.models.sql import InsertQuery

Written = tuple[str, Sequence[Any]]

_PLAIN = frozenset({str, int, bool, float, type(None), Decimal, UUID, datetime, date, time, timedelta, bytes})

_COMPILED = ("as_sql", "resolve_expression", "prepare_database_save")

_statements: dict[tuple[Any, ...], str] = {}


def known(model: type[Model], connection: Any, fields: Any, values: Mapping[str, Any]) -> Written | None:
    """The statement of an earlier INSERT of these fields with its new parameters; None for expressions."""
    statement = _statements.get((model, model._meta.db_table, connection.alias, *values))
    if statement is None or not are_plain(values.values()):
        return None
    parameters = [field.get_db_prep_save(values[field.attname], connection) for field in fields]
    return (statement, parameters) if are_plain(parameters) else None


def compiled(model: type[Model], using: str, fields: Any, values: Mapping[str, Any]) -> Written:
    """The statement that Django writes. It is kept if it has one placeholder for each value, whatever the
    value is.
    """
    query, row = InsertQuery(model), SimpleNamespace(**values)
    query.insert_values(fields, cast("list[Model]", [row]), raw=True)
    ((statement, parameters),) = query.get_compiler(using).as_sql()
    plain = ", ".join(["%s"] * len(fields))
    if statement.endswith(f" VALUES ({plain})") and not any(map(has_placeholder, fields)):
        _statements[model, model._meta.db_table, using, *values] = statement
    return statement, parameters


def has_placeholder(field: Any) -> bool:
    return hasattr(field, "get_placeholder") or hasattr(field, "get_placeholder_sql")  # Django 6.1


def are_plain(values: Collection[Any]) -> bool:
    """Whether none of them is an expression or a model instance."""
    other = [value for value in values if type(value) not in _PLAIN]
    return not any(hasattr(value, name) for value in other for name in _COMPILED)
