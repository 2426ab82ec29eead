"""Kafka record -> event: CloudEvents 1.0, Kafka protocol binding, binary and structured mode. Pure."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from outbox_core.wire.attributes import CONTENT_TYPE, MAX_NAME_BYTES, attribute, is_structured, printable
from outbox_core.wire.careful import careful
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.event import Event

_NO_EXTENSIONS = frozenset(
    ("specversion", "id", "source", "type", "time", "subject", "sequence", "dataschema", "partitionkey")
) | {CONTENT_TYPE}


def parse(record: ConsumerRecord) -> Event:
    """Read the event that ``record`` carries.

    Raises:
        InvalidEvent: the record is not a CloudEvent 1.0; the message says what is wrong with it.
    """
    return quick(record) or careful(record)


def quick(record: ConsumerRecord) -> Event | None:
    """The event of a record in binary mode whose headers have nothing unusual, in one pass; None if
    ``careful`` must read the record.
    """
    raw = dict(record.headers)
    if len(raw) != len(record.headers) or raw.pop("ce_specversion", None) != b"1.0":
        return None
    get = raw.pop
    try:
        id_ = get("ce_id").decode()  # type: ignore[union-attr]
        source, type_ = _name(get("ce_source")), _name(get("ce_type"))
        time = datetime.fromisoformat(get("ce_time").decode())  # type: ignore[union-attr]
        content_type = _plain_type(get(CONTENT_TYPE, None))
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
    """A source or a type; cached, because there are few. Raises ValueError if ``careful`` must read it."""
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
        extension = attribute(name)
        if extension in _NO_EXTENSIONS:
            raise ValueError(name)
        if value and extension is not None:
            found[extension] = value.decode()
    return found
