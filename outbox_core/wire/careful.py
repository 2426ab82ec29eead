"""Reads the event of any record, in either mode, and says what is wrong with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from outbox_core.errors import InvalidEvent
from outbox_core.wire.attributes import (
    CONTENT_TYPE,
    MAX_NAME_BYTES,
    STRUCTURED,
    attribute,
    is_structured,
    printable,
)
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.event import Event
from outbox_core.wire.structured import structured
from outbox_core.wire.timestamps import moment, time_of

TOMBSTONE = "kafka.tombstone"
"""The type of a record with neither a value nor attributes: another program deletes a key of a topic."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Contents(NamedTuple):
    """The attributes of an event by name, without ``ce_``, its content type and its data, in either mode."""

    attributes: dict[str, str]
    content_type: str | None
    data: bytes | None


def careful(record: ConsumerRecord) -> Event:
    """The event of any record. Raises InvalidEvent."""
    found = contents(record.headers, record.value)
    if record.value is None and not found.attributes:
        return _tombstone(record)
    return _event(record, *found)


def contents(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Contents:
    """What the headers and the value of a record hold. The attributes are not validated.

    Raises:
        InvalidEvent: it is in a structured mode that cannot be read.
    """
    attributes, content_type = _decoded(headers)
    if is_structured(content_type):
        if content_type.split(";")[0].strip().lower() != STRUCTURED:
            raise InvalidEvent(
                f"content type {content_type} is not supported; structured mode is {STRUCTURED}"
            )
        return Contents(*structured(value))
    return Contents(attributes, content_type or None, value)


def _decoded(headers: Iterable[tuple[str, bytes | None]]) -> tuple[dict[str, str], str]:
    """The attributes by name, and the content type. Of several equal names the last readable one counts:
    other programs add headers, too.
    """
    attributes: dict[str, str] = {}
    content_type = ""
    for name, value in headers:
        found = attribute(name)
        if not value or found is None:
            continue
        try:
            text = value.decode()
        except UnicodeDecodeError:
            continue
        if found is CONTENT_TYPE:
            content_type = text
        else:
            attributes[found] = text
    return attributes, content_type


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
        time=time_of(attributes.pop("time", None), record.timestamp),
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
        id=record.coordinates,
        source=f"kafka:{record.topic}",
        type=TOMBSTONE,
        time=moment(record.timestamp),
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
