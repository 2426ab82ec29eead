"""Reads the time of an event: RFC 3339 as people write it, which is a little more than it says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d(?::?\d\d)?)", re.ASCII | re.IGNORECASE
)


def read_time(text: str) -> datetime:
    """The time that ``text`` says. A leap second is the first moment of the next minute.

    ``t`` and ``z`` may be small, the fraction of any length (it is cut to microseconds), the offset without
    a colon.

    Raises:
        ValueError: it is no time, or has no time zone.
    """
    match = _FORM.fullmatch(text.strip())
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
