"""Text, UUIDs, bytes, dates and times, each with one form in JSON."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from outbox.declared.converter import Converter
from outbox.declared.refusal import refuse

_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(\.\d{1,6})?", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")


def to_str(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return str(value)
    if issubclass(kind, str) and issubclass(kind, Enum):
        return str(value.value)
    if issubclass(kind, str):
        return str.__str__(value)
    raise refuse(value, "str", "Give str(value) to use its text.")


def to_uuid(value: Any) -> UUID:
    kind = type(value)
    if kind is UUID:
        return UUID(int=value.int)
    if issubclass(kind, UUID):
        return UUID(int=value.int)
    if issubclass(kind, str) and _UUID.fullmatch(value):
        return UUID(value)
    raise refuse(value, "UUID", "Give a UUID, or its text.")


def to_bytes(value: Any) -> bytes:
    if issubclass(type(value), bytes | bytearray | memoryview):
        return bytes(value)
    raise refuse(value, "bytes")


def to_datetime(value: Any) -> datetime | str:
    """RFC 3339 in UTC, always with microseconds and Z, which is how msgspec writes all but whole seconds."""
    kind = type(value)
    if kind is datetime and value.tzinfo is UTC and value.microsecond:
        return value  # type: ignore[no-any-return]
    if issubclass(kind, str) and _TIMESTAMP.fullmatch(value):
        value = _parsed(datetime, value.upper(), "datetime")
        kind = datetime
    if not issubclass(kind, datetime):
        raise refuse(value, "datetime", "Give a datetime with a time zone, such as timezone.now().")
    zone = value.tzinfo
    if zone is not UTC:
        if value.utcoffset() is None:
            raise refuse(value, "datetime with a time zone", "It is naive: give timezone.make_aware(value).")
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise refuse(value, "datetime of the years 1 to 9999 in UTC") from None
    return datetime.isoformat(value, "T", "microseconds")[:26] + "Z"


def to_date(value: Any) -> str:
    kind = type(value)
    if issubclass(kind, str) and _DATE.fullmatch(value):
        return date.isoformat(_parsed(date, value, "date"))
    if issubclass(kind, date) and not issubclass(kind, datetime):
        return date.isoformat(value)
    raise refuse(value, "date", "Give a date: of a datetime, timezone.localdate(value).")


def to_time(value: Any) -> str:
    kind = type(value)
    if issubclass(kind, str) and _TIME.fullmatch(value):
        return time.isoformat(_parsed(time, value, "time"), "microseconds")
    if issubclass(kind, time) and value.tzinfo is None:
        return time.isoformat(value, "microseconds")
    raise refuse(value, "time", "Give a time without a time zone.")


def to_duration(value: Any) -> timedelta:
    if issubclass(type(value), timedelta):
        return timedelta(value.days, value.seconds, value.microseconds)
    raise refuse(value, "timedelta")


def to_none(value: Any) -> None:
    if value is not None:
        raise refuse(value, "None")


def _parsed(kind: Any, text: str, declared: str) -> Any:
    try:
        return kind.fromisoformat(str.__str__(text))
    except ValueError as error:
        raise refuse(text, declared, f"{str(error).capitalize()}.") from None


STR = Converter("str", to_str, frozenset({str}), frozenset({str}))
BYTES = Converter("bytes", to_bytes, frozenset({bytes, bytearray, memoryview}), frozenset({bytes}))
UUID_ = Converter("UUID", to_uuid, frozenset({UUID}), frozenset({UUID}))
DATETIME = Converter("datetime", to_datetime, frozenset({datetime}))
DATE = Converter("date", to_date, frozenset({date}))
TIME = Converter("time", to_time, frozenset({time}))
DURATION = Converter("timedelta", to_duration, frozenset({timedelta}), frozenset({timedelta}))
NONE = Converter("None", to_none, frozenset({type(None)}), frozenset({type(None)}))
