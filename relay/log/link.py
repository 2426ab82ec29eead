"""How much of the log one statement may bring, so that it passes a slow link to the database in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg

from outbox_core.process.clock import boottime
from outbox_core.wire.encode import Row
from relay.pace import MOST_BYTES, Pace

T = TypeVar("T")
ROW_BYTES = 250
"""What a row has beside its payload, about."""
_PAYLOAD = Row._fields.index("payload")


class Link:
    """Lets a statement bring all that it may, until one takes longer than ``seconds`` or its session ends
    meanwhile. From then on a statement brings what the link has shown to carry in that time.
    """

    def __init__(self, seconds: float) -> None:
        self._pace = Pace(seconds, MOST_BYTES)
        self._seconds = seconds

    def rows(self, most: int) -> int:
        """How many rows a statement may bring, and ``most`` at most."""
        return max(1, min(most, self._pace.bytes // ROW_BYTES))

    def bytes(self, most: int) -> int:
        """How many bytes of payload it may bring, and ``most`` at most."""
        return min(most, self._pace.bytes)

    def carry(self, read: Callable[[], T], rows: Callable[[T], Sequence[Sequence[Any]]]) -> T:
        """What ``read`` brings, which has these ``rows``."""
        began = boottime()
        try:
            found = read()
        except psycopg.OperationalError:
            if boottime() - began > self._seconds:
                self._pace.late(self._pace.bytes)
            raise
        taken = boottime() - began
        if taken > self._seconds / 2 or self._pace.bytes < MOST_BYTES:
            carried = rows(found)
            size = sum([len(row[_PAYLOAD] or b"") for row in carried]) + ROW_BYTES * len(carried)
            self._pace.arrived(max(1, size), taken)
        return found
