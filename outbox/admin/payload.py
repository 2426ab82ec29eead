"""A payload as people read it. Pure."""

from __future__ import annotations

import json
from typing import NamedTuple

import msgspec

from outbox.redaction import Redactor

MAX_TEXT = 200_000
MAX_BYTES = 8_192
_ROW = 16


class Pretty(NamedTuple):
    """The text, and what has to be said of it."""

    text: str
    note: str


def pretty(payload: bytes | None, redactor: Redactor) -> Pretty:
    """JSON indented and without its secrets, anything else as a hex dump; cut off where it gets too long."""
    if payload is None:
        return Pretty("", "No payload: a tombstone, which removes the key from a compacted topic.")
    try:
        text = _indented(payload, redactor)
    except (ValueError, RecursionError):
        cut = f", of which the first {MAX_BYTES:,} are shown" if len(payload) > MAX_BYTES else ""
        return Pretty(hex_dump(payload[:MAX_BYTES]), f"{len(payload):,} bytes{cut}; not JSON.")
    note = f"{len(payload):,} bytes, indented here."
    if redactor.hidden:
        note += f" Hidden here, not in Kafka: {redactor.hidden}."
    if len(text) > MAX_TEXT:
        return Pretty(text[:MAX_TEXT] + "\n…", f"{note} Cut off after {MAX_TEXT:,} characters.")
    return Pretty(text, note)


def _indented(payload: bytes, redactor: Redactor) -> str:
    # Numbers keep their digits: 1.10 stays 1.10, and no id is rounded to a float.
    data = json.loads(payload, parse_float=_raw, parse_int=_raw)
    return msgspec.json.format(msgspec.json.encode(redactor.tree(data)), indent=2).decode()


def _raw(digits: str) -> msgspec.Raw:
    return msgspec.Raw(digits.encode())


def hex_dump(data: bytes) -> str:
    """Offset, sixteen bytes in hex, and what is ASCII of them; a line each."""
    lines = []
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        ascii_only = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {row.hex(' '):<{3 * _ROW - 1}}  {ascii_only}")
    return "\n".join(lines)
