"""The rows that a search reads, in pieces: those of the log, behind holds, of an optional index, or all that
are pending.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from django.db import connections
from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from outbox.models import Held, OutboxEvent
from outbox.models.event_queries import OneOf
from outbox.search.indexes import LONGEST, SearchIndex
from outbox.sql import statement

OF_LOG = 100_000
"""How many rows of the log one question reads."""
OF_HOLDS = 50_000
"""How many held or discarded events one question reads."""
OF_INDEX = 10_000
"""How many rows one question reads that an optional index has chosen."""
LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Span:
    """The ids between ``low`` and ``high``, without these two, in the order of the search."""

    low: int = 0
    high: int = LAST
    upwards: bool = False

    def behind(self, cursor: int | None) -> Span:
        """What is left of it behind an id."""
        if cursor is None:
            return self
        if self.upwards:
            return replace(self, low=max(self.low, cursor))
        return replace(self, high=min(self.high, cursor))

    def upto(self, last: int | None) -> Span:
        """Its part that ends with an id."""
        if last is None:
            return self
        return replace(self, high=last + 1) if self.upwards else replace(self, low=last - 1)

    @property
    def order(self) -> str:
        return "pk" if self.upwards else "-pk"

    def of(self, column: str) -> Q:
        """The condition on the column with the ids."""
        return Q(**{f"{column}__gt": self.low, f"{column}__lt": self.high})

    def ids(self, rows: QuerySet[Any], column: str) -> Any:
        """The ids of a table in this span, in order."""
        return rows.filter(self.of(column)).order_by(self._order(column)).values_list(column, flat=True)

    def _order(self, column: str) -> str:
        return column if self.upwards else f"-{column}"


class Rows(Protocol):
    """``most`` is how many of them one question reads."""

    @property
    def most(self) -> int: ...

    def nth(self, span: Span, number: int) -> int | None:
        """The id of the row where a question ends that reads so many. None: there are fewer."""

    def within(self, span: Span, limit: int) -> Any:
        """The condition for the first rows of a span, found by an index."""


@dataclass(frozen=True, slots=True)
class OfLog:
    """All rows, along the primary key."""

    using: str

    @property
    def most(self) -> int:
        return OF_LOG

    def nth(self, span: Span, number: int) -> int | None:
        events = OutboxEvent.objects.using(self.using)
        return next(iter(span.ids(events, "id")[number - 1 : number]), None)

    def within(self, span: Span, limit: int) -> Any:
        return span.of("pk")


@dataclass(frozen=True, slots=True)
class OfHolds:
    """Those that are held, or discarded. To find the end of a piece, both are read."""

    using: str
    discarded: bool

    @property
    def most(self) -> int:
        return OF_HOLDS

    def nth(self, span: Span, number: int) -> int | None:
        both = Held.objects.using(self.using).all()
        return next(iter(span.ids(both, "event_id")[number - 1 : number]), None)

    def within(self, span: Span, limit: int) -> Any:
        held = Held.objects.using(self.using).filter(discarded_at__isnull=not self.discarded)
        return OneOf(F("pk"), Subquery(span.ids(held, "event_id")[:limit]))


@dataclass(frozen=True, slots=True)
class OfIndex:
    """Those with one value, by an optional index."""

    using: str
    index: SearchIndex
    value: str

    @property
    def most(self) -> int:
        return OF_INDEX

    def nth(self, span: Span, number: int) -> int | None:
        sql = f"SELECT id FROM ({self._sql(span)}) AS found OFFSET %s"
        with connections[self.using].cursor() as cursor:
            cursor.execute(sql, [*self._parameters(span, number), number - 1])
            row = cursor.fetchone()
        return None if row is None else int(row[0])

    def within(self, span: Span, limit: int) -> Any:
        return OneOf(F("pk"), RawSQL(self._sql(span), self._parameters(span, limit)))

    def _sql(self, span: Span) -> str:
        return self.index.ids_upwards if span.upwards else self.index.ids

    def _parameters(self, span: Span, limit: int) -> list[str | int]:
        value = self.value[:LONGEST]
        return [value, span.low, value, span.high, limit]


@dataclass(frozen=True, slots=True)
class OfPending:
    """Those that wait to be published, where they are few."""

    cap: int

    @property
    def most(self) -> int:
        return OF_LOG

    def nth(self, span: Span, number: int) -> int | None:
        return None

    def within(self, span: Span, limit: int) -> Any:
        ids = f"SELECT id FROM ({statement('pending', cap=self.cap)}) AS pending"
        return Q(OneOf(F("pk"), RawSQL(ids, ()))) & span.of("pk")


class Backlog:
    """How many events of a shard wait, counted up to ``CAP``, and the first of all."""

    CAP = 1_000

    def __init__(self, using: str) -> None:
        with connections[using].cursor() as cursor:
            cursor.execute(statement("backlog", cap=self.CAP))
            events, first = cursor.fetchone()
        self.is_long = (events or 0) >= self.CAP
        self.first: int | None = first
