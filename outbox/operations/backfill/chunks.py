"""The chunks of a backfill: each locks its rows and writes their events."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from django.db import DatabaseError, reset_queries
from django.db.models import Model, QuerySet

from outbox.errors import OutboxError, RowFailed, TooManyKeys
from outbox.operations.backfill.calls import Calls, Failure, is_busy
from outbox.write.context import Context, scope
from outbox.write.emit import insert
from outbox.write.row import NewRow
from outbox_core.database import pinned

SETTINGS = {"lock_timeout": "250ms", "enable_seqscan": "on", "enable_bitmapscan": "on"}
"""The timeout is shorter than PostgreSQL's deadlock_timeout, so that in a deadlock the backfill gives up, not
the writer. The statements of receivers are planned as ever.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What a chunk did. The next one begins behind the row ``after``; ``last`` is whether there is none."""

    rows: int
    events: int
    failures: Sequence[Failure]
    after: Any
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """A chunk ends before a row that a live transaction holds: it waits only while it holds no lock on
    another row. ``until`` is the last row to do: those that are created later have events of their own.
    """

    calls: Calls
    until: Any
    skip_failing: bool = False

    def next(self, after: Any, size: int) -> Piece | None:
        """Do up to ``size`` rows behind ``after``, in the current transaction. None if another transaction
        holds the next row or its key; nothing is locked then. Raises RowFailed without ``skip_failing``.
        """
        piece = self._try(after, size, wait=False) or self._try(after, 1, wait=True)
        reset_queries()
        return piece

    def sample(self, after: Any, size: int) -> list[tuple[Any, list[NewRow] | Failure]]:
        """The first rows and their events. Nothing is locked, and what the receivers write is rolled back."""
        using = self.calls.rows.using
        with suppress(RowFailed), pinned(using, undo=True), scope(Context(backfill=True)):
            return [(row.pk, list(self.calls.of(row))) for row in self._first(after, size)]
        with pinned(using, undo=True), scope(Context(backfill=True)):
            return [(row.pk, self.calls.or_failure(row)) for row in self._first(after, size)]

    def _first(self, after: Any, size: int) -> QuerySet[Any]:
        return self.calls.rows.between(after, self.until)[:size]

    def _try(self, after: Any, size: int, *, wait: bool) -> Piece | None:
        """One chunk. None if another transaction holds what it needs."""
        try:
            with pinned(self.calls.rows.using, SETTINGS), scope(Context(backfill=True)):
                return self._chunk(after, size, wait=wait)
        except TooManyKeys as error:
            raise OutboxError(f"{error} For a backfill: use a smaller --chunk.") from error
        except DatabaseError as error:
            if not is_busy(error):
                raise
            return None

    def _chunk(self, after: Any, size: int, *, wait: bool) -> Piece | None:
        rows = self.calls.rows
        pks = rows.page(after, self.until, size)
        locked = rows.lock(pks, wait=wait) if pks else {}
        if pks and not wait:
            pks = list(takewhile(locked.__contains__, pks))
            if not pks:
                return None
        new_rows, failures = self._events([locked[pk] for pk in pks if pk in locked])
        insert(new_rows, rows.using)
        return Piece(
            rows=len(pks),
            events=len(new_rows),
            failures=failures,
            after=pks[-1] if pks else after,
            last=not pks,
        )

    def _events(self, instances: Sequence[Model]) -> tuple[list[NewRow], list[Failure]]:
        new_rows: list[NewRow] = []
        failures = []
        for instance in instances:
            found = self.calls.or_failure(instance) if self.skip_failing else list(self.calls.of(instance))
            if isinstance(found, Failure):
                failures.append(found)
            else:
                new_rows += found
        return new_rows, failures
