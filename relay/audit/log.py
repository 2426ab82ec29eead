"""What an audit reads of the outbox: in short transactions, so that no snapshot is held."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import connections

from outbox.log import proof, rows, tables
from outbox.log.history import refuse_another_history
from outbox.models import EventStatus, OutboxEvent
from outbox_core.database import by_index
from outbox_core.wire.encode import Row
from relay.sql import statement

PAGE_ROWS = 10_000
STATEMENT_TIMEOUT = "60s"


class Entry(NamedTuple):
    """An event as a page of the log shows it; ``created_at`` is the text that goes on the wire."""

    id: int
    topic: str
    source: str
    created_at: str
    status: str


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

    def extent(self, since: datetime | None) -> tuple[int, int]:
        """Behind which id to begin, and the last id."""
        with by_index(self._using):
            events = OutboxEvent.objects.using(self._using)
            first = events.order_by("pk").values_list("pk", flat=True).first() or 1
            after = events.last_id_before(since) if since else 0
            return max(after, first - 1), events.last_id()

    def pages(self, after: int = 0) -> Iterator[list[Entry]]:
        """Each page as it is at the moment when it is read."""
        page = self._page(after)
        while page:
            yield page
            page = self._page(page[-1].id)

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

    def _page(self, after: int) -> list[Entry]:
        query = statement("audit/page").replace("{schema}", tables.qualifier())
        with (
            by_index(self._using, statement_timeout=STATEMENT_TIMEOUT),
            connections[self._using].cursor() as cursor,
        ):
            cursor.execute(query, {"after": after, "rows": PAGE_ROWS})
            return [Entry._make(row) for row in cursor.fetchall()]

    def _rows(self, condition: str, ids: list[int] | list[str]) -> list[Row]:
        if not ids:
            return []
        with by_index(self._using, statement_timeout=STATEMENT_TIMEOUT):
            return rows.read(self._using, condition, {"ids": ids})
