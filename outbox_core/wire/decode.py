"""Kafka record -> event: CloudEvents 1.0, Kafka protocol binding, binary and structured mode. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import msgspec

from outbox_core.errors import InvalidEvent
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.event import Event

STRUCTURED = "application/cloudevents+json"
TOMBSTONE = "kafka.tombstone"
"""The type of a record with neither a value nor attributes: another program deletes a key of a topic."""
MAX_NAME_BYTES = 1000  # of id and source, which are indexed
MAX_TIMESTAMP = 253_402_300_799_000  # the last second of the year 9999; some producers count microseconds

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d(?::?\d\d)?)", re.ASCII | re.IGNORECASE
)
_CONTENT_TYPE = "content-type"
_NO_EXTENSIONS = frozenset(
    ("specversion", "id", "source", "type", "time", "subject", "sequence", "dataschema", "partitionkey")
) | {_CONTENT_TYPE}
_ATTRIBUTES = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Contents(NamedTuple):
    """The attributes of an event by name, without ``ce_``, its content type and its data, in either mode."""

    attributes: dict[str, str]
    content_type: str | None
    data: bytes | None


def parse(record: ConsumerRecord) -> Event:
    """Read the event that ``record`` carries.

    Raises:
        InvalidEvent: the record is not a CloudEvent 1.0; the message says what is wrong with it.
    """
    return quick(record) or careful(record)


def quick(record: ConsumerRecord) -> Event | None:
    """The event of a record in binary mode with nothing unusual in its headers, in one pass. None if there
    is anything that ``careful`` must judge.
    """
    raw = dict(record.headers)
    if len(raw) != len(record.headers) or raw.pop("ce_specversion", None) != b"1.0":
        return None
    get = raw.pop
    try:
        id_ = get("ce_id").decode()  # type: ignore[union-attr]
        source, type_ = _name(get("ce_source")), _name(get("ce_type"))
        time = datetime.fromisoformat(get("ce_time").decode())  # type: ignore[union-attr]
        content_type = _plain_type(get(_CONTENT_TYPE, None))
        subject, sequence = _optional(get("ce_subject", None)), _optional(get("ce_sequence", None))
        dataschema = _optional(get("ce_dataschema", None))
        partition_key = _optional(get("ce_partitionkey", None))
        extensions = _extensions(raw) if raw else {}
    except (KeyError, ValueError, AttributeError):
        return None
    if time.tzinfo is None or not id_ or len(id_) * 4 > MAX_NAME_BYTES or not id_.isprintable():
        return None
    return Event(
        id=id_,
        source=source,
        type=type_,
        time=time,
        subject=subject,
        sequence=sequence,
        dataschema=dataschema,
        key=partition_key if record.key is None else printable(record.key),
        content_type=content_type,
        headers=extensions,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        data=record.value,
    )


@lru_cache
def _name(raw: bytes) -> str:
    """A source or a type, of which there are few. Raises ValueError if it must be judged."""
    name = raw.decode()
    if not name or len(name) * 4 > MAX_NAME_BYTES or not name.isprintable():
        raise ValueError(name)
    return name


@lru_cache
def _plain_type(raw: bytes | None) -> str | None:
    """A content type. Raises ValueError for structured mode."""
    content_type = raw.decode() if raw else ""
    if is_structured(content_type):
        raise ValueError(content_type)
    return content_type or None


def _optional(raw: bytes | None) -> str | None:
    return raw.decode() if raw else None


def _extensions(raw: dict[str, bytes | None]) -> dict[str, str]:
    """The extension attributes among these headers. Raises ValueError for another attribute, whose name is
    written in capitals.
    """
    found: dict[str, str] = {}
    for name, value in raw.items():
        attribute = _attribute(name)
        if attribute in _NO_EXTENSIONS:
            raise ValueError(name)
        if value and attribute is not None:
            found[attribute] = value.decode()
    return found


def careful(record: ConsumerRecord) -> Event:
    """Read the event of any record. Raises as ``parse`` does."""
    found = contents(record.headers, record.value)
    if record.value is None and not found.attributes:
        return _tombstone(record)
    return _event(record, *found)


def contents(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Contents:
    """What the headers and the value of a record hold. The attributes are not judged.

    Raises:
        InvalidEvent: it is in a structured mode that cannot be read.
    """
    attributes, content_type = _decoded(headers)
    if is_structured(content_type):
        if content_type.split(";")[0].strip().lower() != STRUCTURED:
            raise InvalidEvent(
                f"content type {content_type} is not supported; structured mode is {STRUCTURED}"
            )
        return Contents(*_structured(value))
    return Contents(attributes, content_type or None, value)


@lru_cache
def is_structured(content_type: str) -> bool:
    """Whether a record of this content type holds the whole event in its value."""
    return content_type.lower().startswith("application/cloudevents")


def _decoded(headers: Iterable[tuple[str, bytes | None]]) -> tuple[dict[str, str], str]:
    """The attributes by name, and the content type. Of several equal names the last readable one counts:
    other programs add headers, too.
    """
    attributes: dict[str, str] = {}
    content_type = ""
    for name, value in headers:
        attribute = _attribute(name)
        if not value or attribute is None:
            continue
        try:
            text = value.decode()
        except UnicodeDecodeError:
            continue
        if attribute is _CONTENT_TYPE:
            content_type = text
        else:
            attributes[attribute] = text
    return attributes, content_type


@lru_cache
def _attribute(header: str) -> str | None:
    """The attribute in this header, or _CONTENT_TYPE itself; None if it is another program's."""
    small = header.lower()
    if small == _CONTENT_TYPE:
        return _CONTENT_TYPE
    return small[3:] if small.startswith("ce_") else None


def _structured(value: bytes | None) -> tuple[dict[str, str], str | None, bytes | None]:
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


@lru_cache
def is_json(content_type: str | None) -> bool:
    """Whether data of this type is JSON. Data without a content type counts as JSON."""
    essence = (content_type or "application/json").split(";")[0].strip().lower()
    return essence.endswith(("/json", "+json"))


def _event(
    record: ConsumerRecord, attributes: dict[str, str], content_type: str | None, data: bytes | None
) -> Event:
    version = attributes.pop("specversion", None)
    if version != "1.0":
        raise InvalidEvent(f"specversion is {version or 'missing'}; the inbox reads CloudEvents 1.0")
    partition_key = attributes.pop("partitionkey", None)
    return Event(
        id=_required(attributes, "id"),
        source=_required(attributes, "source"),
        type=_required(attributes, "type"),
        time=_time(attributes.pop("time", None), record),
        subject=attributes.pop("subject", None),
        sequence=attributes.pop("sequence", None),
        dataschema=attributes.pop("dataschema", None),
        key=partition_key if record.key is None else printable(record.key),
        content_type=content_type,
        headers=attributes,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        data=data,
    )


def _tombstone(record: ConsumerRecord) -> Event:
    return Event(
        # Offsets of a topic that is created again begin at 0 again.
        id=f"{record.partition}/{record.offset}/{record.timestamp}",
        source=f"kafka:{record.topic}",
        type=TOMBSTONE,
        time=_time(None, record),
        key=None if record.key is None else printable(record.key),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def _required(attributes: dict[str, str], name: str) -> str:
    value = attributes.pop(name, "")
    if not value:
        raise InvalidEvent(f"ce_{name} is missing, or not UTF-8")
    if not value.isprintable() and _CONTROL.search(value):
        raise InvalidEvent(f"ce_{name} contains a control character: {value!r}")
    if len(value) * 4 > MAX_NAME_BYTES and len(value.encode()) > MAX_NAME_BYTES:
        raise InvalidEvent(f"ce_{name} is longer than {MAX_NAME_BYTES} bytes")
    return value


def moment(timestamp: int) -> datetime:
    """The time of a record's timestamp, whatever another producer has set."""
    return datetime.fromtimestamp(min(max(timestamp, 0), MAX_TIMESTAMP) / 1000, UTC)


def _time(value: str | None, record: ConsumerRecord) -> datetime:
    if not value:
        return moment(record.timestamp)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = None
    if time is not None and time.tzinfo is not None:
        return time
    try:
        return _read_time(value)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent(f"ce_time is not an RFC 3339 time with a time zone: {value!r}") from error


def _read_time(text: str) -> datetime:
    """RFC 3339, and forms close to it: small letters, a fraction of any length, an offset without a colon. A
    leap second is the first moment of the next minute.

    Raises:
        ValueError: it is not a time, or has no time zone.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not an RFC 3339 time with a time zone: {text!r}")
    date, minute, second, fraction, zone = match.groups()
    leap = second == "60"
    zone = "+00:00" if zone in "Zz" else zone
    start = datetime.fromisoformat(f"{date}T{minute}:00{zone}")
    if int(second) > 60:
        raise ValueError(f"no such second: {text!r}")
    microseconds = 0 if leap else int((fraction or "")[:6].ljust(6, "0"))
    time = start + timedelta(seconds=int(second), microseconds=microseconds)
    return time.replace(tzinfo=UTC) if time.utcoffset() == timedelta(0) else time


def printable(raw: bytes | str) -> str:
    """Text that PostgreSQL can store and a person can read, whatever the bytes are."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
