"""NamedTuples and TypedDicts: arrays and objects whose parts have names and types of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, Required, get_origin

from outbox.declared.containers import at, is_plain_mapping
from outbox.declared.converter import Converter
from outbox.declared.refusal import Refused, refuse


def is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "__annotations__")


def is_typed_dict(cls: type) -> bool:
    return issubclass(cls, dict) and hasattr(cls, "__total__") and hasattr(cls, "__required_keys__")


def named_tuple_of(cls: type, parts: dict[str, Converter]) -> Converter:
    """A JSON array of the parts."""

    def convert(values: Any) -> list[Any]:
        if not issubclass(type(values), list | tuple) or len(values) != len(parts):
            raise refuse(values, cls.__qualname__, f"Give a {cls.__qualname__}({', '.join(parts)}).")
        return [
            at(f".{name}", part.convert, value)
            for (name, part), value in zip(parts.items(), values, strict=True)
        ]

    return Converter(cls.__qualname__, convert, frozenset({cls, list, tuple}))


def required_keys(cls: Any, hints: Mapping[str, Any]) -> frozenset[str]:
    """The keys that are required. Python itself does not see Required and NotRequired in text annotations."""
    explicit = {name: get_origin(hint) for name, hint in hints.items()}
    return frozenset(
        name
        for name, marker in explicit.items()
        if marker is Required or (name in cls.__required_keys__ and marker is not NotRequired)
    )


def typed_dict_of(cls: type, parts: dict[str, Converter], required: frozenset[str]) -> Converter:
    """A JSON object of the parts, in their order; those that are not required may be left out."""

    def convert(values: Any) -> dict[str, Any]:
        if type(values) is not dict and not is_plain_mapping(values):
            raise refuse(values, cls.__qualname__, "Give a dict.")
        for name in values:
            if name not in parts:
                raise _wrong(values[name], name, f"{cls.__qualname__} has no such key", "Leave it out.")
        for name in sorted(required):
            if name not in values:
                raise _wrong(None, name, "it is missing", f"Give all keys that {cls.__qualname__} requires.")
        return {
            name: at(f"[{name!r}]", part.convert, values[name])
            for name, part in parts.items()
            if name in values
        }

    return Converter(cls.__qualname__, convert, frozenset({dict}))


def _wrong(value: object, name: object, reason: str, remedy: str) -> Refused:
    return Refused(value, reason, remedy).inside(f"[{name!r}]")
