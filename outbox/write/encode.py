"""Event -> the JSON bytes that go to Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from outbox.declared import wire_form
from outbox.declared.refusal import Refused
from outbox.errors import InvalidField, NotEncodable

_encoder = msgspec.json.Encoder()


def encode(event: object) -> bytes:
    """The event as JSON: see ``wire`` and ``to_json``."""
    return to_json(event, wire(event))


def wire(event: object) -> Any:
    """The event as dicts, lists and plain values, each of its declared type.

    Raises InvalidField, or NotEncodable where a value has no form in JSON at all; both name the field, the
    type of its value and the remedy.
    """
    try:
        return wire_form(event)
    except Refused as refused:
        error = InvalidField if refused.has_json_form else NotEncodable
        raise error(f"{type(event).__qualname__}{refused}") from None


def to_json(event: object, written: Any) -> bytes:
    """The result of ``wire`` as JSON. Raises NotEncodable for text that is not valid Unicode."""
    try:
        return _encoder.encode(written)
    except UnicodeEncodeError as error:
        path = next(_paths(written, _is_no_unicode), "")
        raise NotEncodable(
            f"{type(event).__qualname__}{path} is not valid Unicode ({error}). Give text without "
            "halves of surrogate pairs."
        ) from error
    except ValueError as error:
        path = next(_paths(written, _has_too_many_digits), "")
        raise NotEncodable(f"{type(event).__qualname__}{path} is a int: {error}.") from error


def _paths(written: Any, is_wrong: Callable[[Any], bool], dotted: bool = True) -> Iterator[str]:
    """The paths to the values, or names, that cannot be encoded."""
    if isinstance(written, dict):
        for name, value in written.items():
            step = f".{name}" if dotted else f"[{name!r}]"
            yield from (step + path for path in _paths(value, is_wrong, dotted=False))
            yield from (step for _ in _paths(name, is_wrong))
    elif isinstance(written, list):
        for index, value in enumerate(written):
            yield from (f"[{index}]" + path for path in _paths(value, is_wrong, dotted=False))
    elif is_wrong(written):
        yield ""


def _is_no_unicode(value: Any) -> bool:
    try:
        str(value).encode() if isinstance(value, str) else None
    except UnicodeEncodeError:
        return True
    return False


def _has_too_many_digits(value: Any) -> bool:
    try:
        str(value) if isinstance(value, int) else None
    except ValueError:
        return True
    return False
