"""What a person searches for, and what one question finds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import OperationalError, models
from django.db.models import Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Substr

from outbox.models import EventStatus, OutboxEvent
from outbox.models.event_queries import OutboxEventQuerySet
from outbox.search.indexes import INDEXES, is_there
from outbox.search.rows import LAST, Backlog, OfHolds, OfIndex, OfLog, OfPending, Rows, Span
from outbox_core.database import by_index

PAGE = 50
STATEMENT_SECONDS = 10
"""How long a statement may take, on a slow disk or behind a lock."""


def one_by_one(using: str) -> AbstractContextManager[None]:
    """A transaction in which no join reads a whole table, and no statement takes long, for questions of
    ``Search``.
    """
    off = {"enable_hashjoin": "off", "enable_mergejoin": "off"}
    return by_index(using, **off, statement_timeout=f"{STATEMENT_SECONDS}s")


def took_too_long(error: OperationalError) -> bool:
    """Whether that is why a question of ``one_by_one`` failed."""
    return isinstance(error.__cause__, psycopg.errors.QueryCanceled)


class Kind(models.TextChoices):
    """What a text is compared with, exactly."""

    ID = "id", "event id, sequence or key"
    KEY = "key", "key"
    CORRELATION = "correlation", "correlation id"
    TRACE = "trace", "trace id"
    CAUSE = "cause", "id of its cause"


HEADERS = {Kind.CORRELATION: "correlationid", Kind.TRACE: "traceparent", Kind.CAUSE: "causationid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The events of one question. ``cursor`` is where the next one continues: None if everything was
    searched. ``reached`` is when the last event was created that this one has read.
    """

    events: Sequence[OutboxEvent] = ()
    cursor: int | None = None
    reached: datetime | None = None
    upwards: bool = False
    index_missing: str = ""
    """The kind of an optional index that would make this search faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """All conditions that are set must hold. Newest first, but the pending ones in the order in which they
    will be published.
    """

    text: str = ""
    kind: Kind = Kind.ID
    type: str = ""
    topic: str = ""
    status: str = ""
    since: datetime | None = None
    until: datetime | None = None
    cursor: int | None = None

    @property
    def is_for_id(self) -> bool:
        """Whether it can find one event only."""
        return self._event_id is not None

    def run(self, using: str) -> Found:
        """Run it within ``one_by_one``."""
        if (event_id := self._event_id) is not None:
            return Found(events=list(self._chosen(using).filter(event_id=event_id)))
        rows, span = self._place(using)
        return self._read(using, rows, span.behind(self.cursor))

    def _read(self, using: str, rows: Rows, span: Span) -> Found:
        last = rows.nth(span, rows.most) if self._narrows(rows) else None
        limit = rows.most if self._narrows(rows) else PAGE + 1
        chosen = self._chosen(using).filter(self._matches(), rows.within(span.upto(last), limit))
        page = list(chosen.order_by(span.order)[: PAGE + 1])
        reached = None
        if len(page) > PAGE:
            page = page[:PAGE]
            last, reached = page[-1].pk, page[-1].created_at
        return Found(
            events=sorted(
                [*self._sequence(using), *page], key=lambda event: event.pk, reverse=not span.upwards
            ),
            cursor=last,
            reached=reached or _created(using, last),
            upwards=span.upwards,
            index_missing=self._index_missing(rows) if last is not None else "",
        )

    @property
    def _event_id(self) -> UUID | None:
        try:
            return UUID(self.text) if self.kind == Kind.ID and self.text else None
        except ValueError:
            return None

    @property
    def _compared(self) -> Kind:
        return Kind.KEY if self.kind == Kind.ID else self.kind

    def _place(self, using: str) -> tuple[Rows, Span]:
        """Which rows to read, and between which ids."""
        span = self._span(using)
        if self.status in (EventStatus.HELD, EventStatus.DISCARDED):
            return OfHolds(using, self.status == EventStatus.DISCARDED), span
        index = INDEXES.get(self._compared)
        if self.text and index is not None and is_there(using, index):
            return OfIndex(using, index, self.text), span
        if self.status == EventStatus.PENDING:
            return _pending(using, span)
        if self.status == EventStatus.PUBLISHED:
            return OfLog(using), _published(using, span)
        return OfLog(using), span

    def _span(self, using: str) -> Span:
        events = OutboxEvent.objects.using(using)
        return Span(
            low=events.last_id_before(self.since) if self.since else 0,
            high=events.last_id_before(self.until) + 1 if self.until else LAST,
            upwards=self.status == EventStatus.PENDING,
        )

    def _narrows(self, rows: Rows) -> bool:
        """Whether there is a condition that not all of these rows meet."""
        text = self.text and not isinstance(rows, OfIndex)
        status = self.status and not isinstance(rows, OfPending)
        return bool(text or status or self.type or self.topic or self.since or self.until)

    def _chosen(self, using: str) -> OutboxEventQuerySet:
        """Without the payloads: each may have a megabyte."""
        events = OutboxEvent.objects.using(using).with_status().select_related("held")
        events = events.defer("payload", "headers", "held__discard_reason")
        for name in ("type", "topic", "status"):
            if value := getattr(self, name):
                events = events.filter(**{name: value})
        times = {"created_at__gte": self.since, "created_at__lt": self.until}
        return events.filter(**{name: time for name, time in times.items() if time is not None})

    def _matches(self) -> Q:
        if not self.text:
            return Q()
        if self._compared == Kind.KEY:
            return Q(key=self.text)
        value: Any = KeyTextTransform(HEADERS[self._compared], "headers")
        if self._compared == Kind.TRACE:
            value = Substr(value, 4, 32)
        return Q(models.lookups.Exact(value, Value(self.text)))

    def _sequence(self, using: str) -> list[OutboxEvent]:
        """The event with this sequence, if the text may be one, before those with this key."""
        if self.kind != Kind.ID or self.cursor is not None or not self.text.isdecimal():
            return []
        number = int(self.text) if len(self.text) < 40 else LAST
        return list(self._chosen(using).filter(pk=number).exclude(key=self.text)) if number < LAST else []

    def _index_missing(self, rows: Rows) -> str:
        missing = self.text and self._compared in INDEXES and not isinstance(rows, OfIndex)
        return self._compared.value if missing else ""


def _pending(using: str, span: Span) -> tuple[Rows, Span]:
    """The pending events themselves if they are few; otherwise the log from the first of them on."""
    backlog = Backlog(using)
    if backlog.is_long and backlog.first is not None:
        return OfLog(using), span.behind(backlog.first - 1)
    return OfPending(Backlog.CAP), span


def _published(using: str, span: Span) -> Span:
    """Behind a long backlog, where the newest published ones begin."""
    if not Backlog(using).is_long:
        return span
    newest = OutboxEvent.objects.using(using).published(Backlog.CAP).order_by("-pk")
    return span.behind((newest.values_list("pk", flat=True).first() or 0) + 1)


def _created(using: str, event: int | None) -> datetime | None:
    if event is None:
        return None
    found = OutboxEvent.objects.using(using).filter(pk=event)
    return found.values_list("created_at", flat=True).first()
