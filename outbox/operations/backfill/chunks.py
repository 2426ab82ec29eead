"""The chunks of a backfill: each locks its rows, writes their events and its progress, and commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from django.db import DatabaseError, reset_queries
from django.db.models import Model

from outbox.errors import OutboxError, TooManyKeys
from outbox.operations.backfill.calls import Calls, Failure, is_busy
from outbox.operations.backfill.pace import Pace
from outbox.operations.backfill.run import Run
from outbox.write.context import Context, scope
from outbox.write.emit import insert
from outbox.write.row import NewRow
from outbox_core.database import pinned

LOCK_TIMEOUT = {"lock_timeout": "250ms"}
"""Shorter than PostgreSQL's deadlock_timeout, so that in a deadlock the backfill gives up, not the writer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What a chunk did."""

    rows: int
    events: int
    failures: Sequence[Failure]
    run: Run

    @property
    def complete(self) -> bool:
        return self.run.is_done


@dataclass(slots=True, kw_only=True)
class Backfill:
    """A chunk ends before a row that a live transaction holds: it waits only while it holds no lock."""

    calls: Calls
    run: Run
    skip_failing: bool = False

    def pieces(self, size: int, pace: Pace) -> Iterator[Piece]:
        """Work until all rows are done or a stop is requested. Raises RowFailed without ``skip_failing``."""
        wait, told = False, False
        while True:
            pace.wait()
            if pace.stop.requested:
                return
            piece = self._try(1 if wait else size, wait=wait)
            reset_queries()
            if piece is not None:
                self.run = piece.run  # now that it is committed
                pace.took(piece.rows)
                yield piece
                if piece.complete:
                    return
            elif wait and not told:
                pace.tell("Waiting for a row or key that another transaction has locked.")
            wait, told = piece is None, piece is None and wait

    def sample(self, size: int) -> list[tuple[Any, list[NewRow] | Failure]]:
        """The first rows and their events. Nothing is locked, and what the receivers write is rolled back."""
        rows, run = self.calls.rows, self.run
        with pinned(rows.using, undo=True), scope(Context(backfill=True)):
            first = rows.between(run.after, run.until)[:size]
            return [(row.pk, self.calls.or_failure(row)) for row in first]

    def _try(self, size: int, *, wait: bool) -> Piece | None:
        """One chunk. None if another transaction holds what it needs."""
        try:
            with pinned(self.calls.rows.using, LOCK_TIMEOUT, durable=True), scope(Context(backfill=True)):
                return self._chunk(size, wait=wait)
        except TooManyKeys as error:
            raise OutboxError(f"{error} For a backfill: use a smaller --chunk.") from error
        except DatabaseError as error:
            if not is_busy(error):
                raise
            return None

    def _chunk(self, size: int, *, wait: bool) -> Piece | None:
        rows, run = self.calls.rows, self.run
        pks = rows.page(run.after, run.until, size)
        locked = rows.lock(pks, wait=wait) if pks else {}
        if pks and not wait:
            pks = list(takewhile(locked.__contains__, pks))
            if not pks:
                return None
        new_rows, failures = self._events([locked[pk] for pk in pks if pk in locked])
        insert(new_rows, rows.using)
        after = pks[-1] if pks else run.after
        moved = run.moved(after, len(new_rows), failures, done=not pks)
        return Piece(rows=len(pks), events=len(new_rows), failures=failures, run=moved)

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
