"""The UPDATE of one row, as Django writes it. Its text is kept: compiling it is a large part of a save."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.sql import UpdateQuery

from outbox.capture.inserts import Written, are_plain, has_placeholder

Values = Sequence[tuple[Any, Any, Any]]
"""As ``Model._do_update`` gets them: a field, its model, and its new value, for each."""

_statements: dict[tuple[Any, ...], str] = {}


def known(rows: QuerySet[Any], connection: Any, pk: object, values: Values) -> Written | None:
    """The statement of an earlier UPDATE of these fields with its new parameters; None for expressions."""
    statement = _statements.get(_key(rows.model, connection.alias, [field for field, _, _ in values]))
    if statement is None or not _is_whole_table(rows):
        return None
    plain = are_plain([pk, *[value for _, _, value in values]])
    parameters = _parameters(rows.model, connection, pk, values) if plain else None
    return (statement, parameters) if parameters is not None and are_plain(parameters) else None


def compiled(rows: QuerySet[Any], using: str, pk: object, values: Values) -> Written:
    """The statement that Django writes in ``QuerySet._update``. It is kept if it is the plain one of its
    fields.
    """
    query: Any = rows.filter(pk=pk).query.chain(UpdateQuery)
    query.add_update_fields(values)
    query.annotations = {}
    statement, parameters = query.get_compiler(using).as_sql()
    fields = [field for field, _, _ in values]
    nulls = {field.attname for field, _, value in values if value is None}
    is_plain = statement == _text(rows.model, using, fields, nulls)
    if is_plain and not any(map(has_placeholder, fields)) and not rows.model._meta.pk.is_relation:
        _statements[_key(rows.model, using, fields)] = _text(rows.model, using, fields)
    return statement, parameters


def _key(model: type[Model], using: str, fields: Sequence[Any]) -> tuple[Any, ...]:
    return (model, model._meta.db_table, using, *[field.attname for field in fields])


def _is_whole_table(rows: QuerySet[Any]) -> bool:
    query = rows.query
    return not (query.where or query.annotations or query.extra or query.combinator or query.is_sliced)


def _parameters(model: type[Model], connection: Any, pk: object, values: Values) -> list[Any]:
    new = [field.get_db_prep_save(value, connection) for field, _, value in values]
    return [*new, model._meta.pk.get_db_prep_value(pk, connection)]


def _text(model: type[Model], using: str, fields: Sequence[Any], nulls: Collection[str] = ()) -> str:
    quote, options = connections[using].ops.quote_name, model._meta
    table, pk = quote(options.db_table), quote(options.pk.column or "")
    new = [f"{quote(each.column)} = {'NULL' if each.attname in nulls else '%s'}" for each in fields]
    return f"UPDATE {table} SET {', '.join(new)} WHERE {table}.{pk} = %s"
