"""Row of the outbox -> Kafka record, after the CloudEvents 1.0 Kafka protocol binding. Pure: no I/O, no
clock, no Django.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from outbox_core.wire.decode import STRUCTURED, is_json


def wire_time(moment: datetime) -> str:
    """A time as it goes on the wire. These texts sort by time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Row(NamedTuple):
    """What the log holds of one event. ``headers`` is the JSON text of its extension attributes,
    ``created_at`` RFC 3339, ``source`` the writer's, or empty for the encoder's own.
    """

    id: int
    topic: str
    key: str
    type: str
    subject: str | None
    content_type: str
    event_id: str
    payload: bytes | None
    headers: str
    created_at: str
    source: str = ""


class Record(NamedTuple):
    """What Kafka gets. A value of None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


class BinaryEncoder:
    """Binary content mode: the payload is the value, the context attributes are ``ce_`` headers (section
    3.2).
    """

    def __init__(self, source: str) -> None:
        self._source = source

    def __call__(self, row: Row) -> Record:
        number, topic, text, kind, subject, content_type, event_id, payload, extensions, time, source = row
        key = text.encode()
        headers = [
            *_of_type(content_type, kind),
            *_of_source(source or self._source),
            ("ce_id", event_id.encode()),
            ("ce_time", time.encode()),
            ("ce_partitionkey", key),
            ("ce_sequence", b"%020d" % number),
            *_extensions(extensions),
        ]
        if subject:
            headers.append(("ce_subject", subject.encode()))
        return Record(topic, key, payload, headers)


@lru_cache(maxsize=1024)
def _of_type(content_type: str, type_name: str) -> tuple[tuple[str, bytes], ...]:
    return ("content-type", content_type.encode()), ("ce_type", type_name.encode())


@lru_cache(maxsize=64)
def _of_source(source: str) -> tuple[tuple[str, bytes], ...]:
    return ("ce_specversion", b"1.0"), ("ce_source", source.encode())


@lru_cache(maxsize=1024)
def _extensions(text: str) -> tuple[tuple[str, bytes], ...]:
    """The headers of the extension attributes: the same for thousands of events, unless they are traced."""
    extensions: dict[str, str] = msgspec.json.decode(text)
    return tuple((f"ce_{name}", value.encode()) for name, value in extensions.items())


class StructuredEncoder:
    """Structured content mode: one JSON envelope with the context attributes and the data (section 3.3).

    A tombstone stays one: it goes out in binary mode, because an envelope would make its value non-null.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._binary = BinaryEncoder(source)

    def __call__(self, row: Row) -> Record:
        if row.payload is None:
            return self._binary(row)
        extensions: dict[str, str] = msgspec.json.decode(row.headers)
        envelope: dict[str, object] = {
            "specversion": "1.0",
            "id": row.event_id,
            "source": row.source or self._source,
            "type": row.type,
            "time": row.created_at,
            "datacontenttype": row.content_type,
            "partitionkey": row.key,
            "sequence": f"{row.id:020}",
            **({"subject": row.subject} if row.subject else {}),
            **extensions,
            **_data(row.content_type, row.payload),
        }
        return Record(
            row.topic,
            row.key.encode(),
            msgspec.json.encode(envelope),
            [("content-type", f"{STRUCTURED}; charset=UTF-8".encode())],
        )


def _data(content_type: str, payload: bytes) -> dict[str, object]:
    """The payload as the JSON format holds it: JSON as it is, anything else in base64 (JSON event format,
    section 3.1).
    """
    if is_json(content_type):
        return {"data": msgspec.Raw(payload)}
    return {"data_base64": b64encode(payload).decode()}


Encoder = BinaryEncoder | StructuredEncoder


def encoder(source: str, content_mode: str = "binary") -> Encoder:
    """The encoder of a content mode, ``binary`` or ``structured``; ``source`` is the CloudEvents source (a
    URI reference).
    """
    return StructuredEncoder(source) if content_mode == "structured" else BinaryEncoder(source)
