"""What an audit reads of the outbox: in short transactions, so that no snapshot is held."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections

from outbox.log import proof, rows, tables
from outbox.log.history import refuse_another_history
from outbox.models import EventStatus, OutboxEvent
from outbox_core.database import by_index
from outbox_core.wire.encode import Row
from relay.audit.ids import BITS, PAGE_IDS
from relay.sql import statement

PAGE_ROWS = 10_000
STATEMENT_TIMEOUT = "60s"


class Entry(NamedTuple):
    """An event as a page of the log shows it; ``created_at`` is the text that is sent."""

    id: int
    topic: str
    source: str
    created_at: str
    status: str


class Moment(NamedTuple):
    """A time of the database. Each transaction below ``xmin`` was complete then."""

    at: datetime
    xmin: int


class Log:
    """The outbox of one database."""

    def __init__(self, using: str) -> None:
        self._using = using

    def prove(self) -> None:
        """Raise LogUnsafe unless this session sees the log that writers write, and its positions belong to
        it.
        """
        with by_index(self._using):
            read = proof.through(self._using)
            found = proof.facts(read)
            for refusal in proof.refusals(read, found) if found else ():
                raise refusal
            refuse_another_history(self._using)

    def horizon(self) -> Entry | None:
        """The first event that is published: older ones are deleted. None if there is none."""
        published = (
            entry for page in self.pages() for entry in page if entry.status == EventStatus.PUBLISHED
        )
        return next(published, None)

    def extent(self, since: datetime | None, until: datetime | None = None) -> tuple[int, int]:
        """Behind which id to begin, and the last id."""
        with by_index(self._using):
            events = OutboxEvent.objects.using(self._using)
            first = events.order_by("pk").values_list("pk", flat=True).first() or 1
            after = events.last_id_before(since) if since else 0
            last = events.last_id_before(until) if until else events.last_id()
            after = max(after, first - 1)
            return after, max(after, last)

    def pages(self, after: int = 0) -> Iterator[list[Entry]]:
        """Each page as it is at the moment when it is read."""
        page = self._page(after)
        while page:
            yield page
            page = self._page(page[-1].id)

    def moment(self) -> Moment:
        """Now."""
        ((at, xmin),) = self._read("SELECT clock_timestamp(), pg_snapshot_xmin(pg_current_snapshot())::text")
        return Moment(at, int(xmin))

    def new_pages(self, xmin: int) -> set[int]:
        """The pages (of ``IdSet``) that have events of transactions from ``xmin`` on."""
        return {page for (page,) in self._read(statement("audit/new_pages", bits=BITS), xmin=str(xmin))}

    def unknown(self, page: int, known: bytes) -> Iterator[list[Entry]]:
        """The events of a page of ids, without the known ones."""
        first = page * PAGE_IDS
        bounds = {"first": first, "end": first + PAGE_IDS, "known": known}
        found = self._page(first - 1, **bounds)
        while found:
            yield found
            found = self._page(found[-1].id, **bounds)

    def count(self, page: int, ids: bytes) -> int:
        """How many of these events of a page there are."""
        first = page * PAGE_IDS
        rows = self._read(statement("audit/there"), first=first, end=first + PAGE_IDS, ids=ids)
        return int(rows[0][0])

    def ids(self, page: int) -> set[int]:
        """The ids of all events of a page."""
        first = page * PAGE_IDS
        with by_index(self._using, statement_timeout=STATEMENT_TIMEOUT):
            found = OutboxEvent.objects.using(self._using).filter(pk__gte=first, pk__lt=first + PAGE_IDS)
            return set(found.values_list("pk", flat=True))

    def rows(self, ids: Collection[int]) -> dict[int, Row]:
        """The events with these ids, by id."""
        found = self._rows("page.id = ANY(%(ids)s)", list(ids))
        return {row.id: row for row in found}

    def rows_of_events(self, event_ids: Collection[str]) -> dict[str, Row]:
        """The events with these event ids, by event id."""
        found = self._rows("page.event_id = ANY(%(ids)s::uuid[])", list(event_ids))
        return {row.event_id: row for row in found}

    def transactions(self, ids: Collection[int]) -> dict[int, int]:
        """The transactions that wrote these events."""
        with by_index(self._using, statement_timeout=STATEMENT_TIMEOUT):
            found = OutboxEvent.objects.using(self._using).filter(pk__in=ids)
            return dict(found.values_list("pk", "xid"))

    def _page(self, after: int, **known: Any) -> list[Entry]:
        query = statement("audit/page").replace("{unknown}", statement("audit/unknown") if known else "")
        found = self._read(query, after=after, rows=PAGE_ROWS, **known)
        return [Entry._make(row) for row in found]

    def _read(self, query: str, **parameters: Any) -> list[Any]:
        with (
            by_index(self._using, statement_timeout=STATEMENT_TIMEOUT),
            connections[self._using].cursor() as cursor,
        ):
            cursor.execute(query.replace("{schema}", tables.qualifier()), parameters)
            return list(cursor.fetchall())

    def _rows(self, condition: str, ids: list[int] | list[str]) -> list[Row]:
        if not ids:
            return []
        with by_index(self._using, statement_timeout=STATEMENT_TIMEOUT):
            return rows.read(self._using, condition, {"ids": ids})
