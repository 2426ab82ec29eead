"""Backfill: events for rows that exist already, written by the relay or the command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg.errors import InsufficientPrivilege

from outbox.errors import CodeMissing
from outbox.models import Ledger, Operation
from outbox.operations.backfill import run
from outbox.operations.backfill.calls import Failure
from outbox.operations.backfill.chunks import Chunks, Piece
from outbox.operations.backfill.pace import LOOK_SECONDS, Pace
from outbox.operations.backfill.rows import key_text, shown
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.step import Step
from outbox_core.operations.bulk.verb import Chunked, Order
from outbox_core.people.humanize import plural
from outbox_core.people.text import line

BUSY = "Waiting for a row or key that another transaction has locked."


class Backfill(Chunked):
    """Writes the events of a model's rows, in the order of their primary keys. The option ``after`` is the
    last row that is done, ``until`` the last one to do. The receivers are called in the process that does it.
    """

    name = Ledger.Verb.BACKFILL
    past, noun, id_name, before = "Wrote events for", "row", "row", ""
    permission = "outbox.backfill_event"
    effect = "The receivers are called for these rows. Consumers get the events of all of them."
    skipped = "because a receiver failed"
    nothing = "no row matches any more"
    quotes_rows = True

    def __init__(self) -> None:
        self._pace = Pace()

    def check(self, order: Order, using: str) -> None:
        """Any order makes sense."""

    def extent(self, order: Order, using: str) -> tuple[int, int]:
        calls = run.calls_of(order.options, using)
        return 0, calls.rows.count(None, run.key(calls, order.options["until"]))

    def scope(self, order: Order) -> str:
        return run.scope(order.options)

    def stored_selection(self, order: Order) -> dict[str, Any]:
        return {name: order.options[name] for name in run.IDENTITY}

    def place(self, row: BulkOperation) -> str:
        return f"row {line(', '.join(row.options['after']), 200)}" if row.options["after"] else ""

    def failures(self, row: BulkOperation) -> Iterator[str]:
        return (each["why"] for each in row.options["failed"])

    def outcome(self, done: int, events: int, skipped: int) -> Iterator[str]:
        if done or not skipped:
            yield f"Wrote {plural(events, 'event')} for {plural(done, 'row')}."
        if skipped:
            yield f"Skipped: {plural(skipped, 'row')}, {self.skipped}."

    def belongs_elsewhere(self, error: Exception) -> bool:
        """A relay may not have the receivers, or not the privileges on the tables of the rows."""
        denied = any(isinstance(each, InsufficientPrivilege) for each in chain(error))
        return denied or isinstance(error, CodeMissing)

    def step(self, row: BulkOperation, using: str, size: int) -> Step:
        options = row.options
        if problem := self._pace.waits(using, options["max_age"]):
            return Step(done=0, after=row.after, wait=LOOK_SECONDS, problem=problem)
        calls = run.calls_of(options, using)
        until = run.key(calls, options["until"])
        chunks = Chunks(calls=calls, until=until, skip_failing=options["skip_failing"])
        piece = chunks.next(run.key(calls, options["after"]), min(size, options["chunk"]))
        if piece is None:
            return Step(done=0, after=row.after, problem=BUSY)
        self._store(row, piece, using)
        failures = len(piece.failures)
        return Step(
            done=piece.rows - failures,
            after=row.after + piece.rows,
            last=piece.last,
            events=piece.events,
            skipped=failures,
        )

    def _store(self, row: BulkOperation, piece: Piece, using: str) -> None:
        options = row.options
        if piece.rows:
            failed = [*options["failed"], *map(_named, piece.failures)][: run.NAMED]
            options = {**options, "after": key_text(piece.after), "failed": failed}
            Operation.objects.using(using).filter(pk=row.pk).update(options=options)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__


def _named(failure: Failure) -> dict[str, str]:
    return {"row": shown(failure.pk), "why": str(failure)}
