"""The argparse types of numbers and times. It needs no Django, because ``outbox_core.probe`` does
not either.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite

from outbox_core.address import Address

LOOPBACK = "127.0.0.1"
MOST_PROCESSES = 256
"""The most processes that one command starts. More is a mistake: a log has at most 256 shards, and a process
has the memory of the project and a connection to the database, of which PostgreSQL allows 100 unless it is
told otherwise. It does not depend on the machine, because processes that wait need no core, and because the
check of settings must say the same everywhere.
"""
WHY_NO_MORE = "each has the memory of the project and a connection to the database"


def amount(text: str) -> float:
    """A finite number."""
    return _number(text, "a number", lambda number: True)


def limit(text: str) -> float:
    """A finite number, 0 or more."""
    return _number(text, "a number, 0 or more", lambda number: number >= 0)


def rate(text: str) -> float:
    """A finite number above 0."""
    return _number(text, "a number above 0", lambda number: number > 0)


def seconds(text: str) -> float:
    """A positive number of seconds."""
    return _number(text, "a positive number of seconds", lambda number: number > 0)


def _number(text: str, wanted: str, fits: Callable[[float], bool]) -> float:
    with suppress(ValueError):
        if isfinite(number := float(text)) and fits(number):
            return number
    raise ArgumentTypeError(f"{text!r} is not {wanted}")


def address(text: str) -> Address:
    """``HOST:PORT``, ``[IPv6]:PORT``, or only a port: then the loopback address."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535 or (":" in host and "[" not in text):
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT, such as localhost:9102, or a port")
    return Address(host or LOOPBACK, int(port))


def moment(text: str) -> datetime:
    """A time after ISO 8601; one without a zone is UTC."""
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found
    raise ArgumentTypeError(f"{text!r} is not a time; write it as 2026-01-31T12:00:00Z")


def count(text: str) -> int:
    """A positive whole number."""
    with suppress(ValueError):
        if (number := int(text)) > 0:
            return number
    raise ArgumentTypeError(f"{text!r} is not a positive whole number")


def processes(text: str) -> int:
    """How many processes to start."""
    if (number := count(text)) > MOST_PROCESSES:
        raise ArgumentTypeError(f"{number} is more than {MOST_PROCESSES}: {WHY_NO_MORE}")
    return number


def count_limit(text: str) -> int:
    """A whole number, 0 or more."""
    with suppress(ValueError):
        if (number := int(text)) >= 0:
            return number
    raise ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")


def filled(text: str) -> str:
    """A text that is not empty, as that of a variable that is not set."""
    if not text.strip():
        raise ArgumentTypeError("it is empty")
    return text
