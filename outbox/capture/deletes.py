"""Makes the DELETE of rows return them, so that no second query is needed.

Django deletes the rows of a Collector table by table, in ``DeleteQuery.do_query``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import CharField, IntegerField, QuerySet, TextField, UUIDField
from django.db.models.sql import DeleteQuery

from outbox.capture.returning import can_return, rows_of

if TYPE_CHECKING:
    from django.db.models import Model

    Collect = Callable[[Iterable[Mapping[str, Any]]], None]

_DO_QUERY: Any = DeleteQuery.do_query


@cache
def can_return_deleted(model: type[Model], using: str) -> bool:
    """Whether the rows of a DELETE can be found by the keys of their instances: not those of a field that may
    read its value in another form, or of a collation in which different texts are equal.
    """
    return can_return(model, using) and all(map(_is_plain, model._meta.pk_fields))


def _is_plain(field: Any) -> bool:
    while field.is_relation:
        field = field.target_field
    is_known = isinstance(field, IntegerField | UUIDField | CharField | TextField)
    converts = type(field).__module__.partition(".")[0] != "django" or hasattr(field, "from_db_value")
    return is_known and not converts and getattr(field, "db_collation", None) is None


def wrap_deletes(collect_of: Callable[[type[Model]], Collect | None]) -> None:
    """Make each DELETE of a Collector pass its rows to what ``collect_of`` names for the model."""

    @wraps(_DO_QUERY)
    def do_query(self: Any, table: str, where: Any, using: str) -> Any:
        collect = collect_of(self.model)
        if collect is None:
            return _DO_QUERY(self, table, where, using)
        self.alias_map, self.where = {table: self.alias_map[table]}, where
        rows = _delete(self, using)
        collect(_whole(self.model, rows, using))
        return len(rows)

    setattr(DeleteQuery, "do_query", do_query)  # noqa: B010


def _delete(query: Any, using: str) -> list[dict[str, Any]]:
    try:
        written = query.get_compiler(using).as_sql()
    except EmptyResultSet:  # no row can have such a key
        return []
    return rows_of(query.model._meta.concrete_model, connections[using], *written)


def _whole(model: Any, rows: list[dict[str, Any]], using: str) -> list[dict[str, Any]]:
    """The row of a multi-table child with the columns of its parents, whose rows are deleted after it."""
    for parent, link in model._meta.concrete_model._meta.parents.items():
        if link is not None and link in model._meta.local_concrete_fields:
            by_key = _rows_of_parent(parent, [row[link.attname] for row in rows], using)
            rows = [{**by_key.get(row[link.attname], {}), **row} for row in rows]
    return rows


def _rows_of_parent(parent: type[Model], keys: list[Any], using: str) -> dict[Any, dict[str, Any]]:
    names = [field.attname for field in parent._meta.concrete_fields]
    rows: QuerySet[Any, Any] = QuerySet(parent, using=using)
    found = rows.filter(pk__in=keys).order_by().values_list("pk", *names)
    return {pk: dict(zip(names, values, strict=True)) for pk, *values in found}
