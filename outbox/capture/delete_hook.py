"""The rows of a deletion, for the receivers of pre_delete and post_delete: the wrapper around the Collector.

Django sends these signals with the instance that it was given, which may have other values than the row, or
no row at all, because somebody else has deleted it. So the rows are locked and read before pre_delete, and
come back from the DELETE for post_delete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models.deletion import Collector
from django.db.models.signals import post_delete

from outbox.capture.committed import as_stored, key_of
from outbox.capture.deletes import can_return_deleted, wrap_deletes
from outbox.capture.locking import locked_rows
from outbox.capture.senders import is_of_migrations

if TYPE_CHECKING:
    from django.db.models import Model
    from django.dispatch import Signal

    Row = Mapping[str, Any]

wants_row_before_delete: Counter[type[Model] | None] = Counter()
"""How many receivers of pre_delete need the row, by model. None means all models."""

wants_deleted_row: Counter[type[Model] | None] = Counter()
"""How many receivers of post_delete need the deleted row."""


class Deletion:
    """A running call of ``Collector.delete``."""

    def __init__(self, collector: Any) -> None:
        self._using: str = collector.using
        self._instances: Mapping[type[Model], Collection[Model]] = collector.data
        asked = [model for model in self._instances if _is_wanted(model, wants_deleted_row)]
        self._returning = [model for model in asked if can_return_deleted(model, self._using)]
        self._read = [
            model
            for model in self._instances
            if _is_wanted(model, wants_row_before_delete) or (model in asked and model not in self._returning)
        ]
        self._locked: dict[int, Row] = {}
        self._keys: dict[int, Any] = {}
        self._deleted: dict[type[Model], dict[Any, Row]] = {model: {} for model in self._returning}

    @property
    def is_wanted(self) -> bool:
        return bool(self._read or self._returning)

    def begin(self) -> None:
        """Lock the rows that are read, those of parents before those of children, as other writers do."""
        for model in self._returning:
            self._keys |= {id(each): key_of(model, each.pk) for each in self._instances[model]}
        for model in sorted(self._read, key=lambda model: len(model._meta.all_parents)):
            self._locked |= locked_rows(model, list(self._instances[model]), self._using)

    def collector_of(self, model: type[Model]) -> Callable[[Iterable[Row]], None] | None:
        """The function that takes the rows which a DELETE of this model returns."""
        found = self._deleted.get(model)
        return None if found is None else lambda rows: found.update({_key(model, row): row for row in rows})

    def row_of(self, instance: Model, signal: Signal) -> Row | None:
        """The row of an instance: empty if there was none; None if it is not known."""
        key = self._keys.get(id(instance))
        if signal is post_delete and key is not None:
            return self._deleted[type(instance)].get(key, {})
        return self._locked.get(id(instance))


_running: ContextVar[Deletion | None] = ContextVar("outbox_deleting", default=None)


def deleted(instance: Model, signal: Signal) -> Model | None:
    """The instance with the values of its row, None if there was no row to delete. Outside of a deletion that
    is wrapped it is the instance itself.
    """
    deletion = _running.get()
    row = deletion.row_of(instance, signal) if deletion else None
    if row is None:
        return instance
    return as_stored(instance, row) if row else None


def guard_deletions() -> None:
    """Wrap ``Collector.delete``, which each deletion with signals goes through."""
    if not hasattr(Collector.delete, "guarded_by_outbox"):
        setattr(Collector, "delete", _guarded(Collector.delete))  # noqa: B010
        wrap_deletes(_collector_of)


def _collector_of(model: type[Model]) -> Callable[[Iterable[Row]], None] | None:
    deletion = _running.get()
    return deletion.collector_of(model) if deletion else None


def _guarded(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(original)
    def delete(self: Any) -> Any:
        deletion = Deletion(self)
        if not deletion.is_wanted:
            return original(self)
        with transaction.atomic(using=self.using, savepoint=False):
            deletion.begin()
            token = _running.set(deletion)
            try:
                return original(self)
            finally:
                _running.reset(token)

    setattr(delete, "guarded_by_outbox", True)  # noqa: B010
    return delete


def _is_wanted(model: type[Model], wants: Counter[type[Model] | None]) -> bool:
    """Django sends no signals for the tables that it makes for many-to-many fields. The table of an unmanaged
    model may be a view, whose rows cannot be locked.
    """
    if not (wants.get(model) or (wants.get(None) and not is_of_migrations(model))):
        return False
    options = model._meta
    return not options.auto_created and all(each._meta.managed for each in (model, *options.all_parents))


def _key(model: type[Model], row: Row) -> Any:
    parts = tuple(row[field.attname] for field in model._meta.pk_fields)
    return key_of(model, parts if len(parts) > 1 else parts[0])
