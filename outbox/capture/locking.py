"""The rows of instances that are about to be deleted, locked as the DELETE will lock them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import QuerySet

from outbox.capture.committed import key_of, read_again
from outbox.capture.grants import naming_grants

if TYPE_CHECKING:
    from django.db.models import Model

MOST_PARAMETERS = 60_000
"""PostgreSQL's protocol allows 65,535 of them in a statement."""


def locked_rows(model: type[Model], instances: Sequence[Model], using: str) -> dict[int, Mapping[str, Any]]:
    """The row of each instance, by ``id(instance)``; empty if there is none.

    One statement locks all of them in the order in which PostgreSQL sorts their keys, so that two deletions
    at once cannot deadlock.
    """
    keys = {id(each): key_of(model, each.pk) for each in instances}
    size = MOST_PARAMETERS // len(model._meta.pk_fields)
    in_order = sorted(instances, key=lambda each: keys[id(each)]) if len(instances) > size else instances
    rows: dict[Any, Mapping[str, Any]] = {}
    for start in range(0, len(in_order), size):
        rows |= _locked(model, in_order[start : start + size], using)
    return {id(each): rows.get(keys[id(each)]) or read_again(each, using) for each in instances}


def _locked(model: type[Model], instances: Sequence[Model], using: str) -> dict[Any, Mapping[str, Any]]:
    names = [field.attname for field in model._meta.concrete_fields]
    keys = [field.attname for field in model._meta.pk_fields]
    rows: QuerySet[Any, Any] = QuerySet(model, using=using)
    locked = rows.filter(pk__in=[each.pk for each in instances]).order_by(*keys).select_for_update()
    by_key: dict[Any, Mapping[str, Any]] = {}
    with naming_grants(model, connections[using], "SELECT, UPDATE"):
        for values in locked.values_list(*names):
            row = dict(zip(names, values, strict=True))
            pk = [row[key] for key in keys]
            by_key[key_of(model, pk if len(pk) > 1 else pk[0])] = row
    return by_key
