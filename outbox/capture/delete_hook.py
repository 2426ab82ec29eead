"""The rows of a deletion, for the receivers of pre_delete and post_delete: the wrapper around the Collector.

Django sends these signals with the instance that it was given, which may have other values than the row, or
no row at all, because somebody else has deleted it. So the rows are locked and read first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.deletion import Collector

from outbox.capture.committed import as_stored, key_of, read_again

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

CHUNK = 500

wants_deleted: Counter[type[Model] | None] = Counter()
"""How many receivers of a deletion need the row, by model. None means all models."""

_deleting: ContextVar[Mapping[int, Mapping[str, Any]] | None] = ContextVar("outbox_deleting", default=None)


def deleted(instance: Model) -> Model | None:
    """The instance with the values of its row, None if there was no row to delete. Outside of a deletion that
    is wrapped it is the instance itself.
    """
    rows = _deleting.get() or {}
    if id(instance) not in rows:
        return instance
    row = rows[id(instance)]
    return as_stored(instance, row) if row else None


def guard_deletions() -> None:
    """Wrap ``Collector.delete``, which each deletion with signals goes through."""
    if not hasattr(Collector.delete, "guarded_by_outbox"):
        setattr(Collector, "delete", _guarded(Collector.delete))  # noqa: B010


def _guarded(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(original)
    def delete(self: Any) -> Any:
        models = [model for model in self.data if _is_wanted(model)]
        if not models:
            return original(self)
        with transaction.atomic(using=self.using, savepoint=False), _reading(self, models):
            return original(self)

    setattr(delete, "guarded_by_outbox", True)  # noqa: B010
    return delete


def _is_wanted(model: type[Model]) -> bool:
    """The table of an unmanaged model may be a view, whose rows cannot be locked."""
    wanted = wants_deleted.get(model) or wants_deleted.get(None)
    return bool(wanted) and all(each._meta.managed for each in (model, *model._meta.all_parents))


@contextmanager
def _reading(collector: Any, models: Collection[type[Model]]) -> Iterator[None]:
    found = dict(_deleting.get() or {})
    for model in models:
        instances = list(collector.data[model])
        for start in range(0, len(instances), CHUNK):
            found |= _rows_of(model, instances[start : start + CHUNK], collector.using)
    token = _deleting.set(found)
    try:
        yield
    finally:
        _deleting.reset(token)


def _rows_of(model: type[Model], instances: Collection[Model], using: str) -> dict[int, Mapping[str, Any]]:
    """By the id of each instance its row, locked in the order of the keys; empty if there is none."""
    names = [field.attname for field in model._meta.concrete_fields]
    keys = [field.attname for field in model._meta.pk_fields]
    rows: QuerySet[Any, Any] = QuerySet(model, using=using)
    locked = rows.filter(pk__in=[each.pk for each in instances]).order_by(*keys).select_for_update()
    by_key = {}
    for values in locked.values_list(*names):
        row = dict(zip(names, values, strict=True))
        pk = [row[key] for key in keys]
        by_key[key_of(model, pk if len(pk) > 1 else pk[0])] = row
    return {id(each): by_key.get(key_of(model, each.pk)) or read_again(each, using) for each in instances}
