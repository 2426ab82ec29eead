"""Structured mode: the whole event is the value of its record, as JSON. Pure."""

from __future__ import annotations

import base64
import binascii

import msgspec

from outbox_core.errors import InvalidEvent
from outbox_core.wire.attributes import is_json

_ATTRIBUTES = msgspec.json.Decoder(dict[str, msgspec.Raw])


def structured(value: bytes | None) -> tuple[dict[str, str], str | None, bytes | None]:
    """The attributes, the content type and the data. Raises InvalidEvent."""
    try:
        document = _ATTRIBUTES.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(f"structured mode, but the value is not a JSON object: {error}") from error
    data, encoded = document.pop("data", None), document.pop("data_base64", None)
    attributes = {name: text for name, raw in document.items() if (text := _text(raw)) is not None}
    content_type = attributes.pop("datacontenttype", "application/json")
    if encoded is not None:
        try:
            return attributes, content_type, base64.b64decode(_text(encoded) or "", validate=True)
        except binascii.Error as error:
            raise InvalidEvent(f"data_base64 is not base64: {error}") from error
    if data is None or bytes(data) == b"null":
        return attributes, content_type, None
    if not is_json(content_type) and bytes(data).startswith(b'"'):
        return attributes, content_type, msgspec.json.decode(data, type=str).encode()
    return attributes, content_type, bytes(data)


def _text(raw: msgspec.Raw) -> str | None:
    value = msgspec.json.decode(raw)
    if value is None or isinstance(value, str):
        return value
    return bytes(raw).decode()
