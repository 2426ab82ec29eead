"""The operations of one side: they are begun, carried out chunk by chunk, paused, resumed and cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import F, Value
from django.db.models.functions import Concat, Now

from outbox_core.database import pinned
from outbox_core.operations.bulk.model import BulkOperation, OperationQuerySet, State
from outbox_core.operations.bulk.step import (
    FIRST_CHUNK,
    LIMITS,
    TRIES,
    Step,
    next_size,
    pause_after,
    within_rate,
)
from outbox_core.operations.bulk.verb import Chunked, OfRows, Order, Verb, last_row
from outbox_core.operations.ledger import CANCELLED, DONE, FAILED, IN_PART, LedgerEntry
from outbox_core.people.failure import describe


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """``model`` and ``ledger`` are the tables of a side, ``refusals`` the errors of its app that another try
    does not end, except for those that are ``passing``. ``process`` is what to start, so that they are
    carried out: ``manage.py run_relay``.
    """

    model: type[BulkOperation]
    ledger: type[LedgerEntry]
    verbs: Mapping[str, Verb]
    refusals: type[Exception]
    process: str
    passing: tuple[type[Exception], ...] = ()
    elsewhere: dict[tuple[str, int], Exception] = field(default_factory=dict, init=False)
    """The operations that this process cannot carry out, by database and id, and why."""

    def command(self, row: BulkOperation) -> str:
        """The command that shows it and, with an option, changes it: ``manage.py outbox_operations 12``."""
        using = row._state.db
        database = "" if using in (None, DEFAULT_DB_ALIAS) else f" --database {using}"
        return f"manage.py {self.model._meta.app_label}_operations {row.pk}{database}"

    def rows(self, using: str) -> OperationQuerySet:
        found: OperationQuerySet = self.model._default_manager.using(using)
        return found

    def possible(self, using: str) -> OperationQuerySet:
        """All but those that this process cannot carry out."""
        others = [pk for database, pk in self.elsewhere if database == using]
        return self.rows(using).exclude(pk__in=others) if others else self.rows(using)

    def verb(self, row: BulkOperation) -> Verb:
        return self.verbs[row.verb]

    @property
    def chunked(self) -> dict[str, Chunked]:
        """The verbs that are done in chunks. ``OutsideWork`` does the others."""
        return {name: verb for name, verb in self.verbs.items() if isinstance(verb, Chunked)}

    @property
    def selecting(self) -> dict[str, OfRows]:
        """The verbs that take a selection of rows."""
        return {name: verb for name, verb in self.verbs.items() if isinstance(verb, OfRows)}

    def planned(self, order: Order, using: str, limit: int) -> int:
        """How many rows the order selects now, counted up to ``limit``."""
        return self.selecting[order.verb].counted(order, using).order_by()[:limit].count()

    def begin(self, order: Order, using: str, planned: int, *, capped: bool = False) -> BulkOperation:
        """Store the order, of which about ``planned`` rows are selected. Whoever sees it carries it out.

        Raises an error of the app for an order that makes no sense.
        """
        verb = self.verbs[order.verb]
        verb.check(order, using)
        first, until = verb.extent(order, using)
        return self.rows(using).create(  # type: ignore[no-any-return]
            verb=order.verb,
            scope=verb.scope(order),
            selection=order.selection.for_storage(),
            options=dict(order.options),
            who=order.who,
            reason=order.reason,
            rate=order.rate,
            first=first,
            after=first,
            until=until,
            planned=planned,
            planned_capped=capped,
            chunk=FIRST_CHUNK,
        )

    def at_once(self, order: Order, using: str) -> Step:
        """Do it in one chunk, without a row of its own: for one event or one hold. Raises as ``begin``."""
        verb = self.selecting[order.verb]
        verb.check(order, using)
        with pinned(using, LIMITS):
            until = last_row(verb.table(using))
            step = verb.chunk(order, using, 0, until, FIRST_CHUNK)
            if step.done:
                self.ledger._default_manager.using(using).create(
                    **_entry(verb, order), count=step.done, outcome=DONE
                )
        return step

    def carry(self, using: str, by: str, *, only: int | None = None) -> bool:
        """Do the next chunk of an operation that is due and that no other process is working on. Returns
        whether there was one. A chunk that fails changes nothing and is tried again later.

        Raises InterfaceError or OperationalError if the database does not answer.
        """
        due = self._in_chunks(using).due()
        if only is not None:
            due = due.filter(pk=only)
        row: BulkOperation | None = None
        try:
            with pinned(using, LIMITS):
                row = due.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
                if row is not None:
                    self._chunk(row, using, by)
        except Exception as error:  # also a bug of a verb: otherwise it would end the process each time
            if row is None:
                raise
            self.not_done(row, using, error)
        return row is not None

    def carry_own(self, using: str, pk: int, by: str, step: Callable[[BulkOperation], Step]) -> bool:
        """Do a chunk of a running operation in another way, which only this process can. Returns whether it
        runs, and no other process is working on it. An error changes nothing and is raised.
        """
        with pinned(using, LIMITS):
            running = self.rows(using).running().filter(pk=pk)
            row = running.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
            if row is not None:
                self.store(row, using, by, step(row))
        return row is not None

    def is_any_running(self, using: str) -> bool:
        """Whether there is one that this process may carry out in chunks."""
        return self._in_chunks(using).running().exists()

    def _in_chunks(self, using: str) -> OperationQuerySet:
        return self.possible(using).filter(verb__in=[*self.chunked])

    def within(self, using: str, pk: int, by: str, seconds: float) -> BulkOperation:
        """Carry it out for so many seconds, at least one chunk; the rest is left to others."""
        until = time.monotonic() + seconds
        while self.carry(using, by, only=pk) and time.monotonic() < until:
            pass
        row: BulkOperation = self.rows(using).get(pk=pk)
        return row

    def pause(self, using: str, pk: int, who: str) -> bool:
        return self._change(using, pk, who, LedgerEntry.Verb.PAUSE, IN_PART)

    def resume(self, using: str, pk: int, who: str) -> bool:
        return self._change(using, pk, who, LedgerEntry.Verb.RESUME, IN_PART)

    def cancel(self, using: str, pk: int, who: str) -> bool:
        return self._change(using, pk, who, LedgerEntry.Verb.CANCEL, CANCELLED)

    def _change(self, using: str, pk: int, who: str, deed: LedgerEntry.Verb, outcome: str) -> bool:
        """Change its state, and keep in the ledger who did so."""
        with pinned(using):
            row = self.rows(using).filter(pk=pk).select_for_update(no_key=True).first()
            if row is None or not getattr(self.rows(using), deed.value)(pk, who):
                return False
            self._enter(using, row, outcome)
            self.ledger._default_manager.using(using).create(
                who=who,
                verb=deed,
                scope=str(row),
                selection={**self.verb(row).stored_selection(row.order), "operation": pk},
                count=1,
                outcome=DONE,
                before=row.state,
            )
        return True

    def _enter(self, using: str, row: BulkOperation, outcome: str) -> None:
        """Write the outcome into its ledger entry."""
        entries = self.ledger._default_manager.using(using).filter(pk=row.ledger_id)
        entries.update(outcome=outcome, last_at=Now())

    def _chunk(self, row: BulkOperation, using: str, by: str) -> None:
        began, size = time.monotonic(), within_rate(row.chunk, row.rate)
        step = self.chunked[row.verb].step(row, using, size)
        took = time.monotonic() - began
        self.store(row, using, by, step, next_size(row.chunk, took) if step.done == size else row.chunk)

    def store(self, row: BulkOperation, using: str, by: str, step: Step, chunk: int | None = None) -> None:
        """Store what was done, in the current transaction: counts, ledger, and when the next chunk or part
        may begin. ``chunk`` is the size of the next one, if it changes.
        """
        self._count(row, using, step, _entry(self.verb(row), row.order, step.before))
        ended = {"state": State.DONE, "ended_at": Now()} if step.last else {}
        pause = max(step.wait, pause_after(step.done, row.rate))
        self.rows(using).filter(pk=row.pk).update(
            after=step.after,
            done=F("done") + step.done,
            events=F("events") + step.events,
            skipped=F("skipped") + step.skipped,
            chunk=chunk or row.chunk,
            carried_at=Now(),
            carried_by=by,
            due_at=Now() + timedelta(seconds=pause),
            failures=0,
            error=step.problem,
            **ended,
        )

    def not_done(self, row: BulkOperation, using: str, error: Exception, lease: float = 0.0) -> None:
        """Leave it to other processes, or try the chunk or part again later, or give up. Others may try it
        ``lease`` seconds after this process.
        """
        if self.verb(row).belongs_elsewhere(error):
            self.elsewhere[using, row.pk] = error
        else:
            self._failed(row, using, error, lease)

    def _failed(self, row: BulkOperation, using: str, error: Exception, lease: float) -> None:
        refused = isinstance(error, self.refusals) and not isinstance(error, self.passing)
        over = refused or row.failures + 1 >= TRIES
        values: dict[str, Any] = {"error": describe(error), "failures": row.failures + 1}
        values["due_at"] = Now() + timedelta(seconds=2.0**row.failures + lease)
        if over:
            values |= {"state": State.FAILED, "ended_at": Now()}
        with pinned(using):
            running = self.rows(using).running().filter(pk=row.pk, after=row.after)
            if running.update(**values) and over:
                self._enter(using, row, FAILED)

    def _count(self, row: BulkOperation, using: str, step: Step, values: dict[str, Any]) -> None:
        """Add a chunk to the ledger entry. The first chunk that changes something makes it."""
        entries = self.ledger._default_manager.using(using)
        outcome = DONE if step.last else IN_PART
        entry: int | None = row.ledger_id
        if entry is not None:
            if step.done or step.last:
                more = {"before": Concat("before", Value(f", {step.before}"))} if step.before else {}
                count = F("count") + step.done
                entries.filter(pk=entry).update(count=count, outcome=outcome, last_at=Now(), **more)
        elif step.done:
            made = entries.create(**values, count=step.done, outcome=outcome)
            self.rows(using).filter(pk=row.pk).update(ledger=made.pk)


def _entry(verb: Verb, order: Order, before: str = "") -> dict[str, Any]:
    return {
        "who": order.who,
        "verb": verb.name,
        "scope": verb.scope(order),
        "selection": verb.stored_selection(order),
        "reason": order.reason,
        "before": before or verb.before,
    }
