"""The row as PostgreSQL holds it after a save, for the receivers of post_save.

It can differ from what the caller assigned: an expression, text for a number, more decimal places than the
column has, changed fields that are not in ``update_fields``, a trigger. Then receivers get a copy with the
row's values.
"""

from __future__ import annotations

import functools
import marshal
from copy import copy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from inspect import getattr_static
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet
from django.db.models.fields.files import FileDescriptor
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.utils.functional import cached_property

from outbox.capture.grants import naming_grants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import Model

_MISSING = object()
_PLAIN = frozenset({str, int, bool, bytes, date, timedelta, UUID})
"""Types whose equal values are also equal as text."""
_PASSIVE = (FileDescriptor, ForeignKeyDeferredAttribute)
"""Descriptors that would do more than load: open the file, or forget the related object."""


def read_again(instance: Model, using: str) -> Mapping[str, Any]:
    """The row's values by attribute, in one statement; empty if there is no such row."""
    names = [field.attname for field in instance._meta.concrete_fields]
    rows: QuerySet[Any, Any] = QuerySet(type(instance), using=using)
    for values in rows.filter(pk=instance.pk).order_by().values_list(*names):
        return dict(zip(names, values, strict=True))
    return {}


def key_of(model: type[Model], pk: Any) -> tuple[Any, ...]:
    """A primary key as it is sent to the database, so that ``7`` and ``"7"`` are one."""
    fields = model._meta.pk_fields
    parts = pk if len(fields) > 1 else [pk]
    return tuple(field.get_prep_value(part) for field, part in zip(fields, parts, strict=True))


def read_before(instance: Model, using: str) -> Any:
    """The row that a save is about to change, locked as the UPDATE will lock it; None if there is none."""
    rows: QuerySet[Any, Any] = QuerySet(type(instance), using=using)
    with naming_grants(type(instance), connections[using], "SELECT, UPDATE"):
        return rows.filter(pk=instance.pk).order_by().select_for_update(no_key=True).first()


def as_stored(instance: Any, values: Mapping[str, Any]) -> Any:
    """The instance itself if it has these values; otherwise a copy with them and its other attributes."""
    own = instance.__dict__
    changed = {
        name: value
        for name, value in values.items()
        if (assigned := own.get(name, _MISSING)) is not value and not _same(assigned, value)
    }
    if not changed:
        return instance
    return _copy(instance, {name: own[name] for name in values if name not in changed}, changed)


def _same(assigned: Any, stored: Any) -> bool:
    """Whether the two look equal to a receiver: ``Decimal("1.5")`` is not ``Decimal("1.50")``, and 02:00
    in Berlin is not midnight UTC.
    """
    kind = type(stored)
    if type(assigned) is kind:
        if kind in _PLAIN:
            return bool(assigned == stored)
        if kind is Decimal:
            return not assigned.compare_total(stored)
        if kind is datetime and assigned.tzinfo is stored.tzinfo is UTC:
            return bool(assigned == stored)
        if kind in (dict, list):
            return bool(assigned == stored) and _form(assigned) == _form(stored)
    elif not isinstance(assigned, kind) or type(assigned) is bool:
        return False
    return bool(assigned == stored) and str(assigned) == str(stored)


def _form(value: dict[Any, Any] | list[Any]) -> bytes | str:
    """Bytes or text that are equal only if types and order of all members are. ``marshal`` takes a third of
    the time of ``str``, but only the plain types of JSON. Version 2 is the last one without references to
    equal objects.
    """
    try:
        return marshal.dumps(value, 2)
    except ValueError:
        return str(value)


def _copy(instance: Any, same: Mapping[str, Any], changed: Mapping[str, Any]) -> Any:
    other = object.__new__(type(instance))
    other.__dict__.update(instance.__dict__)
    other._state = copy(instance._state)
    other._state.fields_cache = dict(instance._state.fields_cache)
    if "_prefetched_objects_cache" in other.__dict__:
        other._prefetched_objects_cache = dict(instance._prefetched_objects_cache)
    _load(other, same, changed)
    for name in [name for name in other.__dict__ if _is_cached_property(instance, name)]:
        del other.__dict__[name]  # it may be computed from values that were not stored
    for field in instance._meta.concrete_fields:
        if field.is_relation and field.attname in changed and field.is_cached(other):
            related = field.get_cached_value(other)
            if getattr(related, field.target_field.attname, None) != changed[field.attname]:
                field.delete_cached_value(other)
    return other


def _load(instance: Any, same: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Set the values as Django does when it loads a row: through the descriptor of a field, if there is one,
    which converts the value and may change other fields.
    """
    plain = dict(same)
    for name, value in changed.items():
        descriptor = getattr_static(type(instance), name, None)
        if hasattr(descriptor, "__set__") and not isinstance(descriptor, _PASSIVE):
            _assign(instance, name, descriptor, value)
        else:
            plain[name] = value
    instance.__dict__.update(plain)


def _assign(instance: Any, name: str, descriptor: Any, value: Any) -> None:
    try:
        descriptor.__set__(instance, value)
    except Exception:  # the field may be set only once, as a protected state
        instance.__dict__.pop(name, None)
        descriptor.__set__(instance, value)


def _is_cached_property(instance: object, name: str) -> bool:
    return isinstance(getattr(type(instance), name, None), functools.cached_property | cached_property)
