"""Extension attributes of users, such as a tenant. Names and values follow CloudEvents 1.0.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md (naming conventions, type system)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from uuid import UUID

MAX_VALUE_BYTES = 1024
NowOrLater = str | Callable[[], object]
"""The text of an attribute, or a function that is called when an event is emitted."""

_NAME = re.compile(r"[a-z0-9]{1,20}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+")
_CORE = "specversion id source type subject time datacontenttype dataschema data"
_OURS = (
    "partitionkey sequence dataversion traceparent tracestate correlationid causationid actor replay backfill"
)
RESERVED = frozenset(f"{_CORE} {_OURS}".split())


def checked(given: Mapping[str, object]) -> dict[str, str]:
    """The attributes as they are sent. Raises ValueError, which names the attribute and the rule."""
    _check_names(given)
    return {name: _text(name, value) for name, value in given.items() if value is not None}


def of_scope(given: Mapping[str, object]) -> dict[str, NowOrLater]:
    """The attributes of a scope. Functions are not called yet. Raises as ``checked`` does."""
    _check_names(given)
    return {
        name: value if callable(value) else _text(name, value)
        for name, value in given.items()
        if value is not None
    }


def called(scope: Mapping[str, NowOrLater]) -> dict[str, str]:
    """The attributes of a scope as they are sent now. Raises as ``checked`` does."""
    found = dict[str, str]()
    for name, value in scope.items():
        if isinstance(value, str):
            found[name] = value
        elif (later := value()) is not None:
            found[name] = _text(name, later)
    return found


def _check_names(given: object) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"Attributes {given!r} are not a dict: give one, such as {{'tenant': 't1'}}.")  # noqa: TRY004
    for name in given:
        check_name(name)


def check_name(name: object) -> None:
    """Raise ValueError for a name that CloudEvents does not allow, or that already has a meaning."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"Attribute {name!r} is not allowed: use 1 to 20 of a-z and 0-9.")
    if name in RESERVED:
        raise ValueError(f"Attribute {name!r} is reserved: it already has a meaning in every event.")


def _text(name: str, value: object) -> str:
    plain = value.value if isinstance(value, Enum) else value
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if not isinstance(plain, str | int | UUID):
        raise ValueError(  # noqa: TRY004
            f"Attribute {name!r} is a {type(plain).__qualname__}: give a str, an int, a bool or a UUID."
        )
    text = plain_text(plain)
    if not _TEXT.fullmatch(text) or len(text.encode()) > MAX_VALUE_BYTES:
        raise ValueError(
            f"The value of attribute {name!r} is not allowed: give 1 to {MAX_VALUE_BYTES} bytes of text "
            "without control characters."
        )
    return text


def plain_text(value: str | int | UUID) -> str:
    """Its text as a plain str, also of a subclass that shows another one. Raises ValueError for a number of
    too many digits.
    """
    if isinstance(value, str):
        return str.__str__(value)
    return int.__repr__(value) if isinstance(value, int) else str(value)
