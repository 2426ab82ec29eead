"""Row of the outbox -> Kafka record, after the CloudEvents 1.0 Kafka protocol binding. Pure: no I/O, no
clock, no Django.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from outbox_core.wire.attributes import STRUCTURED, is_json

Extension = Literal["sequence", "partitionkey"]
"""CloudEvents extensions that every event has, if the relay is asked to send them."""
EXTENSIONS: tuple[Extension, ...] = ("sequence",)
"""Those that are sent by default. ``outbox_audit`` finds an event by its sequence."""
NONE = "{}"
"""The JSON text of no extension attributes."""


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


Headers = tuple[tuple[str, bytes], ...]
RECORD_BYTES = 36
HEADER_BYTES = 10
"""The most bytes that a record or a header takes in a batch besides its content (KIP-98, message format v2).
"""


class Records(list[Record]):
    """The records of a page, and their ``topics``. In batches they take no more than ``bytes``."""

    __slots__ = ("bytes", "topics")

    def __init__(self, records: Iterable[Record], size: int) -> None:
        super().__init__(records)
        self.bytes = size
        self.topics = {record.topic for record in self}


def topics_of(records: Iterable[Record]) -> set[str]:
    """The topics of these records."""
    return records.topics if isinstance(records, Records) else {record.topic for record in records}


class BinaryEncoder:
    """Binary content mode: the payload is the value, the context attributes are ``ce_`` headers (section
    3.2).
    """

    def __init__(self, source: str, extensions: Collection[str] = EXTENSIONS) -> None:
        self._source = source
        self._sequence = "sequence" in extensions
        self._partition_key = "partitionkey" in extensions

    def __call__(self, row: Row) -> Record:
        return self.page([row])[0]

    def page(self, rows: Iterable[Sequence[Any]]) -> Records:
        """The records of rows: each is a ``Row``, or a tuple that begins like one."""
        records, size = [], 0
        for row in rows:
            number, topic, text, kind, subject, content_type, event_id, payload, extensions, time = row[:10]
            key = text.encode()
            fixed, weight = _of_type(content_type, kind, row[10] or self._source)
            headers = [*fixed, ("ce_id", event_id.encode()), ("ce_time", time.encode())]
            if self._sequence:
                headers.append(("ce_sequence", b"%020d" % number))
            if extensions != NONE or subject or self._partition_key:
                others, more = self._others(extensions, subject, key)
                headers += others
                weight += more
            size += weight + len(key) + len(event_id) + len(time) + (0 if payload is None else len(payload))
            records.append(_make(Record, (topic, key, payload, headers)))
        return Records(records, size)

    def _others(self, extensions: str, subject: str | None, key: bytes) -> tuple[Headers, int]:
        """The headers that only few events have, and their size in bytes."""
        headers = [("ce_partitionkey", key)] if self._partition_key else []
        if extensions != NONE:
            headers += _extensions(extensions)
        if subject:
            headers.append(("ce_subject", subject.encode()))
        return tuple(headers), _bytes(headers)


_make = tuple.__new__  # takes half the time of a named tuple's own
_EVERY = (("ce_id", b""), ("ce_time", b""), ("ce_sequence", b"%020d" % 0))


@lru_cache(maxsize=1024)
def _of_type(content_type: str, type_name: str, source: str) -> tuple[Headers, int]:
    """The headers of all events of a type, and the size of a record without key, value, id and time."""
    headers = (
        ("content-type", content_type.encode()),
        ("ce_type", type_name.encode()),
        ("ce_specversion", b"1.0"),
        ("ce_source", source.encode()),
    )
    return headers, RECORD_BYTES + _bytes((*headers, *_EVERY))


def _bytes(headers: Iterable[tuple[str, bytes]]) -> int:
    return sum(HEADER_BYTES + len(name.encode()) + len(content) for name, content in headers)


@lru_cache(maxsize=1024)
def _extensions(text: str) -> Headers:
    """The headers of the extension attributes: the same for thousands of events, unless they are traced."""
    extensions: dict[str, str] = msgspec.json.decode(text)
    return tuple((f"ce_{name}", value.encode()) for name, value in extensions.items())


class StructuredEncoder:
    """Structured content mode: one JSON envelope with the context attributes and the data (section 3.3).

    A tombstone is sent in binary mode, because an envelope would make its value non-null.
    """

    def __init__(self, source: str, extensions: Collection[str] = EXTENSIONS) -> None:
        self._source = source
        self._sequence = "sequence" in extensions
        self._partition_key = "partitionkey" in extensions
        self._binary = BinaryEncoder(source, extensions)

    def page(self, rows: Iterable[Sequence[Any]]) -> Records:
        """The records of rows: each is a ``Row``, or a tuple that begins like one."""
        records = [self._record(row) for row in rows]
        size = sum([RECORD_BYTES + len(each.key) + len(each.value or b"") for each in records])
        tombstones = [each.headers for each in records if each.headers is not _STRUCTURED]
        size += _bytes(_STRUCTURED) * (len(records) - len(tombstones)) + sum(map(_bytes, tombstones))
        return Records(records, size)

    def __call__(self, row: Row) -> Record:
        return self._record(row)

    def _record(self, row: Sequence[Any]) -> Record:
        number, topic, key, kind, subject, content_type, event_id, payload, extensions, time = row[:10]
        if payload is None:
            return self._binary.page([row])[0]
        parts = [_opening(content_type, kind, row[10] or self._source)]
        parts.append(b'"id":"%b","time":"%b",' % (event_id.encode(), time.encode()))
        if self._sequence:
            parts.append(b'"sequence":"%020d",' % number)
        if self._partition_key:
            parts.append(b'"partitionkey":%b,' % _json(key))
        if extensions != NONE:
            parts.append(b"%b," % extensions.strip()[1:-1].encode())
        if subject:
            parts.append(b'"subject":%b,' % _json(subject))
        parts.append(b"%b}" % _data(content_type, payload))
        return Record(topic, key.encode(), b"".join(parts), _STRUCTURED)


_STRUCTURED = [("content-type", f"{STRUCTURED}; charset=UTF-8".encode())]
_json = msgspec.json.encode


@lru_cache(maxsize=1024)
def _opening(content_type: str, type_name: str, source: str) -> bytes:
    attributes = {
        "specversion": "1.0",
        "source": source,
        "type": type_name,
        "datacontenttype": content_type,
    }
    return _json(attributes)[:-1] + b","


def _data(content_type: str, payload: bytes) -> bytes:
    """The payload as the JSON format holds it: JSON as it is, anything else in base64 (JSON event format,
    section 3.1).
    """
    if is_json(content_type):
        return b'"data":%b' % payload
    return b'"data_base64":"%b"' % b64encode(payload)


Encoder = BinaryEncoder | StructuredEncoder


def encoder(source: str, content_mode: str = "binary", extensions: Collection[str] = EXTENSIONS) -> Encoder:
    """The encoder of a content mode, ``binary`` or ``structured``; ``source`` is the CloudEvents source (a
    URI reference).
    """
    make = StructuredEncoder if content_mode == "structured" else BinaryEncoder
    return make(source, extensions)
