"""A payload and its headers as people read them: readable, exact, and without secrets. Pure.

What cannot be parsed may contain a secret anywhere: only its size and type are shown. The bytes are shown
only to users with the permission to see raw payloads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from outbox_core.people.redaction import HIDDEN, Redactor
from outbox_core.people.text import block, escape

MAX_TEXT = 200_000
MAX_BYTES = 8_192
_ROW = 16
FORM = "application/x-www-form-urlencoded"


class Pretty(NamedTuple):
    """The text and a note on it."""

    text: str
    note: str


def pretty(payload: bytes | None, redactor: Redactor, content_type: str = "", *, raw: bool = False) -> Pretty:
    """Indented JSON, or a form field by field, both without secrets. Anything else: its size and type, or
    with ``raw`` a hex dump. Long texts are cut off.
    """
    if payload is None:
        return Pretty("", "No payload: a tombstone, which removes the key from a compacted topic.")
    text = _parsed(payload, redactor, content_type)
    if text is None:
        return _opaque(payload, content_type, raw=raw)
    note = f"{len(payload):,} bytes, indented here."
    if redactor.hidden:
        note += f" Hidden here, not in Kafka: {redactor.hidden}."
    if len(text) > MAX_TEXT:
        return Pretty(text[:MAX_TEXT] + "\n…", f"{note} Cut off after {MAX_TEXT:,} characters.")
    return Pretty(text, note)


def headers(pairs: Iterable[tuple[str, bytes | None]], redactor: Redactor) -> list[tuple[str, str]]:
    """The headers of a record without secrets. A header that is not UTF-8 is shown as its size."""
    return [(escape(redactor.text(name)), _header(name, value, redactor)) for name, value in pairs]


def _header(name: str, value: bytes | None, redactor: Redactor) -> str:
    if value is None:
        return ""
    try:
        return escape(redactor.value(name, value.decode()))
    except UnicodeDecodeError:
        return f"({len(value):,} bytes that are not UTF-8)"


def _parsed(payload: bytes, redactor: Redactor, content_type: str) -> str | None:
    """The text to show. None if the payload is neither JSON nor a form."""
    try:
        if content_type.partition(";")[0].strip().lower() == FORM:
            fields = parse_qsl(payload.decode(), keep_blank_values=True, strict_parsing=True)
            return "\n".join(
                f"{escape(name)}: {escape(redactor.value(name, value))}" for name, value in fields
            )
        return _indented(payload, redactor)
    except (ValueError, RecursionError):
        return None


def exact(payload: bytes | str) -> object:
    """Parsed JSON, in which numbers keep their digits: 1.10 stays 1.10, and large ids are not rounded.

    Raises ValueError or RecursionError for what is no JSON, or names a member twice.
    """
    return _loaded(payload, lambda digits: msgspec.Raw(digits.encode()), parse_constant=_refuse_constant)


def without_secrets(payload: bytes, redactor: Redactor) -> object:
    """The same with ``HIDDEN`` instead of secrets."""

    def number(digits: str) -> object:
        shown = redactor.number(digits)
        return HIDDEN if shown is None else msgspec.Raw(digits.encode())

    return redactor.tree(_loaded(payload, number))


def indented(data: object) -> str:
    """Parsed JSON as text of several lines."""
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()


def _indented(payload: bytes, redactor: Redactor) -> str:
    return block(indented(without_secrets(payload, redactor)))


def _loaded(payload: bytes | str, number: Callable[[str], object], **more: Any) -> object:
    return json.loads(
        payload, parse_float=number, parse_int=number, object_pairs_hook=_without_doubles, **more
    )


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON that names a member twice means different things to different readers."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member is there twice")
    return found


def _opaque(payload: bytes, content_type: str, *, raw: bool) -> Pretty:
    kind = escape(content_type[:100]) or "no content type"
    note = f"{len(payload):,} bytes of {kind}, which cannot be read as JSON or a form."
    if not raw:
        return Pretty(
            "",
            f"{note} Not shown: it may hold secrets. The permission “Can see raw payloads” shows it.",
        )
    cut = f" The first {MAX_BYTES:,} are shown." if len(payload) > MAX_BYTES else ""
    return Pretty(hex_dump(payload[:MAX_BYTES]), f"{note}{cut} Nothing is hidden.")


def hex_dump(data: bytes) -> str:
    """Lines of an offset, sixteen bytes in hex, and their ASCII characters."""
    lines = []
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        ascii_only = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {row.hex(' '):<{3 * _ROW - 1}}  {ascii_only}")
    return "\n".join(lines)
