"""Times of events: RFC 3339 and what is close to it, and the timestamps of records. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from outbox_core.errors import InvalidEvent

MAX_TIMESTAMP = 253_402_300_799_000  # the last second of the year 9999; some producers count microseconds

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d(?::?\d\d)?)", re.ASCII | re.IGNORECASE
)


def moment(timestamp: int) -> datetime:
    """The time of a record's timestamp, which may have any value if another program wrote it."""
    return datetime.fromtimestamp(min(max(timestamp, 0), MAX_TIMESTAMP) / 1000, UTC)


def time_of(text: str | None, timestamp: int) -> datetime:
    """The time of an event: its attribute, or else the timestamp of its record. Raises InvalidEvent."""
    if not text:
        return moment(timestamp)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is not None and time.tzinfo is not None:
        return time
    try:
        return _lenient(text)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent(f"ce_time is not an RFC 3339 time with a time zone: {text!r}") from error


def _lenient(text: str) -> datetime:
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
