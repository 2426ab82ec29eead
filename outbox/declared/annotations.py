"""Annotations -> converters, for all types."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as AbstractMapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, Final, Literal, NotRequired, Required, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from outbox.declared import texts
from outbox.declared.annotated import annotated, arms_of, stands_for
from outbox.declared.choices import enum_of, literal_of, union_of
from outbox.declared.containers import dict_of, list_of, set_of, tuple_of
from outbox.declared.converter import Converter
from outbox.declared.fields import bindings, has_fields, put_in
from outbox.declared.named import is_named_tuple, is_typed_dict, named_tuple_of, required_keys, typed_dict_of
from outbox.declared.numbers import BOOL, DECIMAL, FLOAT, INT
from outbox.declared.refusal import Refused, never

Scope = dict[str, Any] | None
"""The names of the function in which a class was made."""

_SCALARS: dict[Any, Converter] = {
    str: texts.STR,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    Decimal: DECIMAL,
    UUID: texts.UUID_,
    datetime: texts.DATETIME,
    date: texts.DATE,
    time: texts.TIME,
    timedelta: texts.DURATION,
    bytes: texts.BYTES,
    bytearray: texts.BYTES,
    memoryview: texts.BYTES,
    None: texts.NONE,
    type(None): texts.NONE,
}
_QUALIFIERS = (Final, Required, NotRequired)


def name_of(declared: Any) -> str:
    """An annotation as it is written."""
    return (
        declared.__qualname__
        if isinstance(declared, type) and not get_args(declared)
        else str(declared).replace("typing.", "")
    )


class Annotations:
    """Gives the converters of annotations. ``of_class`` gives that of a class with fields."""

    def __init__(self, of_class: Callable[[Any, Scope], Converter]) -> None:
        self._of_class = of_class
        self.any = Converter(
            "any value", self._by_class, frozenset(), frozenset({str, bool, int, UUID, type(None)})
        )
        self._bases: dict[Any, Converter] = {
            list: list_of(self.any, "list"),
            tuple: list_of(self.any, "tuple"),
            AbstractMapping: dict_of(self.any, self.any, "dict"),
            set: set_of(self.any, "set"),
            frozenset: set_of(self.any, "frozenset"),
            **{cls: one for cls, one in _SCALARS.items() if isinstance(cls, type) and cls is not bool},
        }
        self._by_type = {**_SCALARS, **self._bases, dict: self._bases[AbstractMapping]}

    def of(self, declared: Any, scope: Scope = None) -> Converter:
        """The converter of an annotation. Raises TypeError for a type that has no form in JSON."""
        if declared is Any or declared is object:
            return self.any
        if isinstance(declared, TypeVar):
            return self._of_type_variable(declared, scope)
        if hasattr(declared, "__metadata__"):
            return annotated(declared, partial(self.of, scope=scope))
        named = stands_for(declared)
        if named is not None:
            return self.of(named, scope)
        if isinstance(declared, type | None) and declared in _SCALARS:
            return _SCALARS[declared]
        if arms := arms_of(declared):
            return union_of([self.of(arm, scope) for arm in arms])
        origin = get_origin(declared)
        if origin is Literal:
            return literal_of(get_args(declared), self._by_class)
        if origin in _QUALIFIERS:
            return self.of(get_args(declared)[0], scope)
        return self._of_generic(declared, origin, scope)

    def _of_type_variable(self, declared: Any, scope: Scope) -> Converter:
        if declared.__constraints__:
            return union_of([self.of(one, scope) for one in declared.__constraints__])
        return self.of(declared.__bound__, scope) if declared.__bound__ else self.any

    def _of_generic(self, declared: Any, origin: Any, scope: Scope) -> Converter:
        cls = origin if isinstance(origin, type) else declared
        if not isinstance(cls, type):
            raise TypeError(f"{declared!r} is not a type")
        arguments = get_args(declared)
        if issubclass(cls, Enum):
            return enum_of(cls, self._by_class)
        if has_fields(cls):
            return self._of_class(declared, scope)
        if is_named_tuple(cls):
            return named_tuple_of(cls, self._parts(cls, arguments, scope))
        if is_typed_dict(cls):
            required = required_keys(cls, get_type_hints(cls, localns=scope, include_extras=True))
            return typed_dict_of(cls, self._parts(cls, arguments, scope), required)
        return self._of_container(cls, arguments, name_of(declared), scope)

    def _of_container(self, cls: type, arguments: tuple[Any, ...], label: str, scope: Scope) -> Converter:
        if issubclass(cls, tuple) and arguments and arguments[-1] is not Ellipsis:
            return tuple_of([self.of(one, scope) for one in arguments], label)
        inner = [self.of(one, scope) for one in arguments if one is not Ellipsis]
        if issubclass(cls, set | frozenset) or cls.__name__ in ("Set", "MutableSet"):
            return set_of(inner[0] if inner else self.any, label)
        if issubclass(cls, AbstractMapping):
            key, value = inner if len(inner) == 2 else (self.any, self.any)
            return dict_of(key, value, label)
        if issubclass(cls, list | tuple) or cls.__module__ == "collections.abc":
            return list_of(inner[0] if inner else self.any, label)
        raise TypeError(
            f"{label} has no form in JSON; declare text, numbers, dates, UUIDs, Decimals, Enums, or lists, "
            "dicts and dataclasses of those"
        )

    def _parts(self, cls: type, arguments: tuple[Any, ...], scope: Scope) -> dict[str, Converter]:
        bound = bindings(cls, arguments)
        hints = get_type_hints(cls, localns=scope, include_extras=True)
        return {name: self.of(put_in(one, bound), scope) for name, one in hints.items()}

    def _by_class(self, value: Any) -> Any:
        """Converts a value whose field declares nothing, by the value's own class."""
        cls = type(value)
        known = self._by_type.get(cls)
        if known is not None:
            return known.convert(value)
        if has_fields(cls):
            return self._of_class(cls, None).convert(value)
        wrong = never(value)
        if wrong is not None:
            raise wrong
        if issubclass(cls, Enum):
            return self._by_class(value.value)
        for base, converter in self._bases.items():
            if issubclass(cls, base):
                return converter.convert(value)
        raise Refused(
            value,
            "it has no form in JSON",
            "Give text, numbers, booleans, dates, UUIDs, Decimals, or lists, dicts and dataclasses of those.",
            has_json_form=False,
        )
