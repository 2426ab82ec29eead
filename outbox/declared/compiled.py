"""Event classes and their annotations, compiled once into converters."""

from __future__ import annotations

import types
from collections.abc import Mapping as AbstractMapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from threading import RLock
from typing import (
    Any,
    Final,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

import msgspec
from django.core.exceptions import ImproperlyConfigured

from outbox.declared import texts
from outbox.declared.choices import enum_of, literal_of, union_of
from outbox.declared.constraints import limited
from outbox.declared.containers import at, dict_of, list_of, set_of, tuple_of
from outbox.declared.converter import Converter
from outbox.declared.fields import Field, bindings, fields_of, has_fields, put_in, tag_of
from outbox.declared.named import is_named_tuple, is_typed_dict, named_tuple_of, required_keys, typed_dict_of
from outbox.declared.numbers import BOOL, DECIMAL, FLOAT, INT, Places, decimal_of
from outbox.declared.refusal import Refused, never, refuse

Scope = dict[str, Any] | None

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

_classes: dict[Any, Converter] = {}
_finished: dict[Any, Converter] = {}
_unfinished: dict[Any, Converter] = {}
_compiling = RLock()


def wire_form(value: object) -> Any:
    """What msgspec writes for an event or any other value. Raises Refused."""
    converter = _classes.get(type(value), ANY)
    return converter.convert(value)


def compiled(declared: Any, scope: Scope = None) -> Converter:
    """The converter of a class with fields, made once. Raises ImproperlyConfigured for a wrong annotation;
    ``scope`` has the names of the function in which the class was made.
    """
    known = _classes.get(declared)
    if known is not None:
        return known
    with _compiling:  # two threads may emit the first event of a class
        known = _classes.get(declared) or _unfinished.get(declared) or _compile(declared, scope)
        if _unfinished.keys() == _finished.keys():  # not while one contains another that is not finished
            _classes.update(_finished)
            _finished.clear()
            _unfinished.clear()
        return known


def _compile(declared: Any, scope: Scope) -> Converter:
    cls, earlier = get_origin(declared) or declared, list(_finished)
    _unfinished[declared] = Converter(_name_of(declared), _late(declared), frozenset({cls}))
    try:
        _finished[declared] = _class(cls, get_args(declared), scope)
    except NameError as error:
        raise ImproperlyConfigured(
            f"The fields of {cls.__module__}.{cls.__qualname__} cannot be read: {error}. Annotate them "
            "with types that are imported at run time, and not under TYPE_CHECKING only."
        ) from error
    finally:
        if declared not in _finished:  # nor is any that it contains, which may contain it
            for each in [declared, *(_finished.keys() - earlier)]:
                _unfinished.pop(each)
                _finished.pop(each, None)
    return _finished[declared]


def _late(declared: Any) -> Any:
    return lambda value: _classes[declared].convert(value)


def _class(cls: type, arguments: tuple[Any, ...], scope: Scope) -> Converter:
    fields = _fields(cls, arguments, scope)
    plan = [(field.wire_name, *_pair(_of_field(field, scope))) for field in fields]
    names = [field.name for field in fields]
    tag = tag_of(cls)
    get: Any = attrgetter(*names) if len(names) > 1 else lambda event: tuple(getattr(event, n) for n in names)

    def convert(event: Any) -> Any:
        if type(event) is not cls:
            return _other(event)
        try:
            written = dict(tag)
            for (name, exact, one), value in zip(plan, get(event), strict=True):
                written[name] = value if type(value) in exact else one(value)
        except (Refused, AttributeError, RecursionError):
            return {**tag, **dict(_field_by_field(event, fields, plan))}  # once more, to find the field
        return written

    def _other(value: Any) -> Any:
        if issubclass(type(value), cls):
            return compiled(type(value)).convert(value)
        raise refuse(value, cls.__qualname__)

    return Converter(cls.__qualname__, convert, frozenset({cls}))


def _fields(cls: type, arguments: tuple[Any, ...] = (), scope: Scope = None) -> list[Field]:
    bound = bindings(cls, arguments)
    return [field._replace(declared=put_in(field.declared, bound)) for field in fields_of(cls, scope)]


def converters(cls: type) -> dict[str, Converter]:
    """By the name of each field in JSON, how its value is converted. Empty for a class whose annotations only
    the function knows in which it was made.
    """
    try:
        return {field.wire_name: _of_field(field, None) for field in _fields(cls)}
    except NameError:
        return {}


def _pair(converter: Converter) -> tuple[frozenset[type], Any]:
    return converter.exact, converter.convert


def _field_by_field(event: object, fields: list[Field], plan: list[Any]) -> Any:
    for field, (name, _, convert) in zip(fields, plan, strict=True):
        try:
            value = getattr(event, field.name)
        except AttributeError:
            raise Refused(None, "it is missing", "Give the event all of its fields.").inside(
                f".{field.name}"
            ) from None
        try:
            yield name, at(f".{field.name}", convert, value)
        except RecursionError:
            raise Refused(value, "it contains itself, or is nested too deeply", has_json_form=False).inside(
                f".{field.name}"
            ) from None


def _of_field(field: Field, scope: Scope) -> Converter:
    try:
        return converter_of(field.declared, scope)
    except TypeError as error:
        reason = str(error)

    def refuse_all(value: Any) -> Any:
        raise never(value) or Refused(value, reason)

    return Converter(_name_of(field.declared), refuse_all, frozenset())


def problems(cls: type) -> list[str]:
    """The problems of the annotations of a class, field by field."""
    try:
        compiled(cls)
        fields = fields_of(cls) if "<locals>" not in cls.__qualname__ else []
    except (ImproperlyConfigured, NameError) as error:
        return [str(error)]
    found = []
    for field in fields:
        try:
            converter_of(field.declared)
        except TypeError as error:
            found.append(f"{cls.__qualname__}.{field.name}: {error}.")
    return found


def converter_of(declared: Any, scope: Scope = None) -> Converter:
    """The converter of an annotation. Raises TypeError for a type that has no form in JSON."""
    if declared is Any or declared is object:
        return ANY
    if isinstance(declared, TypeVar):
        return _type_variable(declared, scope)
    if hasattr(declared, "__metadata__"):
        return _annotated(declared, scope)
    if hasattr(declared, "__supertype__"):
        return converter_of(declared.__supertype__, scope)
    if hasattr(declared, "__value__") and not isinstance(declared, type):
        return converter_of(declared.__value__, scope)
    if isinstance(declared, type | None) and declared in _SCALARS:
        return _SCALARS[declared]
    origin = get_origin(declared)
    if origin in (Union, types.UnionType):
        return union_of([converter_of(arm, scope) for arm in get_args(declared)])
    if origin is Literal:
        return literal_of(get_args(declared), _dynamic)
    if origin in _QUALIFIERS:
        return converter_of(get_args(declared)[0], scope)
    return _generic(declared, origin, scope)


def _type_variable(declared: Any, scope: Scope) -> Converter:
    if declared.__constraints__:
        return union_of([converter_of(one, scope) for one in declared.__constraints__])
    return converter_of(declared.__bound__, scope) if declared.__bound__ else ANY


def _annotated(declared: Any, scope: Scope) -> Converter:
    inner = declared.__origin__
    for extra in declared.__metadata__:
        if isinstance(extra, Places):
            return _placed(inner, extra, scope)
    converter = converter_of(inner, scope)
    for extra in declared.__metadata__:
        if isinstance(extra, msgspec.Meta):
            converter = limited(converter, extra)
    return converter


def _placed(inner: Any, extra: Places, scope: Scope) -> Converter:
    if _is_decimal(inner):
        return decimal_of(extra.places)
    arms = get_args(inner) if get_origin(inner) in (Union, types.UnionType) else ()
    if not any(map(_is_decimal, arms)):
        raise TypeError(f"{extra} belongs to a Decimal, and not to {_name_of(inner)}")
    return union_of(
        [decimal_of(extra.places) if _is_decimal(arm) else converter_of(arm, scope) for arm in arms]
    )


def _is_decimal(declared: Any) -> bool:
    return getattr(declared, "__supertype__", declared) is Decimal


def _generic(declared: Any, origin: Any, scope: Scope) -> Converter:
    cls = origin if isinstance(origin, type) else declared
    if not isinstance(cls, type):
        raise TypeError(f"{declared!r} is not a type")
    arguments = get_args(declared)
    label = _name_of(declared)
    if issubclass(cls, Enum):
        return enum_of(cls, _dynamic)
    if has_fields(cls):
        return compiled(declared, scope)
    if is_named_tuple(cls):
        return named_tuple_of(cls, _parts(cls, arguments, scope))
    if is_typed_dict(cls):
        required = required_keys(cls, get_type_hints(cls, localns=scope, include_extras=True))
        return typed_dict_of(cls, _parts(cls, arguments, scope), required)
    if issubclass(cls, tuple) and arguments and arguments[-1] is not Ellipsis:
        return tuple_of([converter_of(one, scope) for one in arguments], label)
    inner = [converter_of(one, scope) for one in arguments if one is not Ellipsis]
    if issubclass(cls, set | frozenset) or cls.__name__ in ("Set", "MutableSet"):
        return set_of(inner[0] if inner else ANY, label)
    if issubclass(cls, AbstractMapping):
        key, value = inner if len(inner) == 2 else (ANY, ANY)
        return dict_of(key, value, label)
    if issubclass(cls, list | tuple) or cls.__module__ == "collections.abc":
        return list_of(inner[0] if inner else ANY, label)
    raise TypeError(
        f"{label} has no form in JSON; declare text, numbers, dates, UUIDs, Decimals, Enums, or lists, dicts "
        "and dataclasses of those"
    )


def _parts(cls: type, arguments: tuple[Any, ...], scope: Scope) -> dict[str, Converter]:
    bound = bindings(cls, arguments)
    hints = get_type_hints(cls, localns=scope, include_extras=True)
    return {name: converter_of(put_in(one, bound), scope) for name, one in hints.items()}


def _dynamic(value: Any) -> Any:
    """Converts a value whose field declares nothing, by the value's own class."""
    cls = type(value)
    scalar = _SCALARS.get(cls)
    if scalar is not None:
        return scalar.convert(value)
    if has_fields(cls):
        return compiled(cls).convert(value)
    wrong = never(value)
    if wrong is not None:
        raise wrong
    if issubclass(cls, Enum):
        return _dynamic(value.value)
    for base, converter in _BASES.items():
        if issubclass(cls, base):
            return converter.convert(value)
    raise Refused(
        value,
        "it has no form in JSON",
        "Give text, numbers, booleans, dates, UUIDs, Decimals, or lists, dicts and dataclasses of those.",
        has_json_form=False,
    )


def _name_of(declared: Any) -> str:
    return (
        declared.__qualname__
        if isinstance(declared, type) and not get_args(declared)
        else str(declared).replace("typing.", "")
    )


ANY = Converter("any value", _dynamic, frozenset(), frozenset({str, bool, int, UUID, type(None)}))
_BASES: dict[Any, Converter] = {
    list: list_of(ANY, "list"),
    tuple: list_of(ANY, "tuple"),
    AbstractMapping: dict_of(ANY, ANY, "dict"),
    set: set_of(ANY, "set"),
    frozenset: set_of(ANY, "frozenset"),
    **{cls: converter for cls, converter in _SCALARS.items() if isinstance(cls, type) and cls is not bool},
}
