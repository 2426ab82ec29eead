"""The figures of the outbox over an hour, a day, a week or a month, in spans of equal length."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connections

from outbox.sql import statement
from outbox_core.database import by_index

KEEP_DAYS = 35
"""How long relays keep what the plots are made of."""
COUNT_UP_TO = 10_000
"""The most pending events that are counted."""


class Period(NamedTuple):
    """``bins`` spans of ``seconds`` each."""

    seconds: int
    bins: int

    @property
    def total(self) -> int:
        return self.seconds * self.bins


PERIODS = {
    "hour": Period(60, 60),
    "day": Period(15 * 60, 96),
    "week": Period(2 * 3_600, 84),
    "month": Period(12 * 3_600, 62),
}


@dataclass(frozen=True, slots=True)
class Span:
    """``published`` and ``written`` are events; None is not known."""

    at: datetime
    published: int | None
    latency_ms: int | None
    written: int | None
    oldest_ms: int | None


def this_minute() -> str:
    """The statement that writes what is true now, unless another relay has."""
    pending = statement("pending", cap=COUNT_UP_TO)
    return statement("minute", cap=COUNT_UP_TO).replace("{pending}", pending)


def read(using: str, period: Period, statement_timeout: str = "10s") -> list[Span]:
    """One query, whatever the size of the log. Raises errors of the database."""
    with by_index(using, statement_timeout=statement_timeout), connections[using].cursor() as cursor:
        cursor.execute(statement("history", seconds=period.seconds, bins=period.bins))
        return [Span(*row) for row in cursor.fetchall()]
