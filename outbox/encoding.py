"""Event -> the JSON bytes that go to Kafka."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any

import msgspec
from django.utils.functional import Promise

from outbox.errors import NotEncodable

_ERRORS = (TypeError, ValueError, OverflowError, RecursionError)


def encode(event: object) -> bytes:
    """The event as JSON (Decimal, UUID: text; datetime: RFC 3339). Raises NotEncodable, naming the field."""
    try:
        return _encoder.encode(event)
    except _ERRORS as error:
        path, value = _culprit(event)
        raise NotEncodable(
            f"{type(event).__qualname__}{path} is a {type(value).__qualname__} that has no JSON form "
            f"({error}). Give the event text, numbers, booleans, dates, UUIDs, Decimals, or lists, dicts and "
            "dataclasses of those."
        ) from error


def _plain(value: Any) -> Any:
    """What msgspec does not know: lazy translations, SafeString and other subclasses of text and dates."""
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, date | time):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"Encoding objects of type {type(value).__qualname__} is unsupported")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def _culprit(event: object) -> tuple[str, object]:
    """The path to the innermost value that cannot be encoded, and that value."""
    path, value, seen = "", event, {id(event)}
    while True:
        for step, child in _children(value):
            if id(child) not in seen and not _encodable(child):
                path, value = path + step, child
                seen.add(id(child))
                break
        else:
            return path, value


def _encodable(value: object) -> bool:
    try:
        _encoder.encode(value)
    except _ERRORS:
        return False
    return True


def _children(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", child) for key, child in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{index}]", child) for index, child in enumerate(value))
    elif dataclasses.is_dataclass(value):
        yield from ((f".{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value))
    elif isinstance(value, msgspec.Struct):
        yield from ((f".{name}", getattr(value, name)) for name in value.__struct_fields__)
    elif hasattr(value, "__attrs_attrs__"):
        yield from (
            (f".{attribute.name}", getattr(value, attribute.name)) for attribute in value.__attrs_attrs__
        )
