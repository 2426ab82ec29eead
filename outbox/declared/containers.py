"""Lists, tuples, sets and dicts of converted values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from outbox.declared.converter import Converter
from outbox.declared.refusal import Refused, never, refuse

_NO_NAMES = frozenset({float, bool, bytes, bytearray, memoryview, timedelta, type(None)})


def list_of(each: Converter, label: str) -> Converter:
    """A JSON array of a list or tuple, in its order."""

    def convert(values: Any) -> list[Any]:
        if not issubclass(type(values), list | tuple):
            raise refuse(values, label, "Give a list or a tuple.")
        return _converted(each, values)

    return Converter(label, convert, frozenset({list, tuple}))


def set_of(each: Converter, label: str) -> Converter:
    """A JSON array of a set, sorted, so that equal sets have equal JSON."""

    def convert(values: Any) -> list[Any]:
        if not issubclass(type(values), set | frozenset):
            raise refuse(values, label, "Give a set.")
        written = _converted(each, values)
        try:
            ordered = sorted(written)
        except TypeError:
            ordered = sorted(written, key=repr)
        return [value for value, _ in groupby(ordered)]  # "7" and 7 may be one number

    return Converter(label, convert, frozenset({set, frozenset}))


def tuple_of(each: list[Converter], label: str) -> Converter:
    """A JSON array of so many values, each of a type of its own."""

    def convert(values: Any) -> list[Any]:
        if not issubclass(type(values), list | tuple) or len(values) != len(each):
            raise refuse(values, label, f"Give a tuple of {len(each)}.")
        return [
            at(f"[{index}]", one.convert, value)
            for index, (one, value) in enumerate(zip(each, values, strict=True))
        ]

    return Converter(label, convert, frozenset({list, tuple}))


def dict_of(key: Converter, each: Converter, label: str) -> Converter:
    """A JSON object, its members sorted by name, so that equal dicts have equal JSON. Raises TypeError for
    keys that have no text.
    """
    if key.natives and key.natives <= _NO_NAMES:
        raise TypeError(f"{label}: the names of a JSON object are text, ints, UUIDs, dates or Enum members")
    plain, exact, one = key.exact & {str}, each.exact, each.convert

    def convert(values: Any) -> dict[str, Any]:
        if type(values) is not dict and not is_plain_mapping(values):
            raise refuse(values, label, "Give a dict.")
        written, names = {}, _names(values, key, plain)
        try:
            for text, name in names.items():
                value = values[name]
                written[text] = value if type(value) in exact else one(value)
        except Refused as refused:
            raise refused.inside(f"[{name!r}]") from None
        return written

    return Converter(label, convert, frozenset({dict}))


def is_plain_mapping(values: object) -> bool:
    """Whether it is a mapping with one value for each key."""
    return issubclass(type(values), Mapping) and never(values) is None


def _names(values: Mapping[Any, Any], key: Converter, plain: frozenset[type]) -> Mapping[str, Any]:
    """Its keys by their text in JSON, in the order of those texts."""
    if {*map(type, values)} <= plain:
        texts = sorted(values)
        return dict(zip(texts, texts, strict=True))
    names = {_name(values, name, key): name for name in values}
    if len(names) != len(values):
        raise Refused(values, "two of its keys have the same text in JSON", "Give them different texts.")
    return {text: names[text] for text in sorted(names)}


def _text(values: object, name: object, converted: object) -> str:
    if isinstance(converted, datetime):
        return converted.isoformat("T", "microseconds")[:26] + "Z"
    if isinstance(converted, bool) or not isinstance(converted, str | int | UUID | date):
        raise _no_name(values, name)
    return str(converted)


def _no_name(values: object, name: object) -> Refused:
    return Refused(
        values,
        f"a key of it is a {type(name).__qualname__}, and the names of a JSON object are text",
        "Give keys of type str, int, UUID, date or Enum.",
        has_json_form=False,
    )


def at(step: str, convert: Callable[[Any], Any], value: object) -> Any:
    """The converted value; a refusal says at which step."""
    try:
        return convert(value)
    except Refused as refused:
        raise refused.inside(step) from None


def _converted(each: Converter, values: Iterable[Any]) -> list[Any]:
    exact, convert = each.exact, each.convert
    written: list[Any] = []
    try:
        for value in values:
            written.append(value if type(value) in exact else convert(value))
    except Refused as refused:
        raise refused.inside(f"[{len(written)}]") from None
    return written


def _name(values: object, name: object, key: Converter) -> str:
    if isinstance(name, bool) or name is None or isinstance(name, float | tuple):
        raise _no_name(values, name)
    try:
        converted = key.convert(name)
    except Refused as refused:
        raise Refused(
            values,
            f"a key of it is a {type(name).__qualname__}: {refused.reason}",
            refused.remedy,
            has_json_form=refused.has_json_form,
        ) from None
    return _text(values, name, converted)
