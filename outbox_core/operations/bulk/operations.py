"""The operations of one side: they are begun, carried out chunk by chunk, paused, resumed and cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Now

from outbox_core.database import BY_INDEX, pinned
from outbox_core.operations.bulk.model import BulkOperation, OperationQuerySet, State
from outbox_core.operations.bulk.step import (
    FIRST_CHUNK,
    LOOK_SECONDS,
    Step,
    next_size,
    pause_after,
    within_rate,
)
from outbox_core.operations.bulk.verb import OfRows, Order, Outside, Verb, last_row
from outbox_core.operations.ledger import CANCELLED, DONE, FAILED, IN_PART, LedgerEntry
from outbox_core.people.failure import describe

LIMITS = {**BY_INDEX, "statement_timeout": "30s", "lock_timeout": "5s"}
"""For a chunk: a lock that somebody else keeps for long is an error, after which the chunk is tried again."""
LEASE_SECONDS = 15.0
"""A process that does an operation outside of transactions says so at least this often."""
TRIES = 5
"""After so many failures of one chunk, the operation has failed until a person resumes it."""


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
    begun: dict[tuple[str, str, int], BulkOperation] = field(default_factory=dict, init=False)
    """Those of which this process may have something in memory, by database, its own name and id."""

    def command(self, row: BulkOperation) -> str:
        """The command that shows it and, with an option, changes it: ``manage.py outbox_operations 12``."""
        using = row._state.db
        database = "" if using in (None, DEFAULT_DB_ALIAS) else f" --database {using}"
        return f"manage.py {self.model._meta.app_label}_operations {row.pk}{database}"

    def rows(self, using: str) -> OperationQuerySet:
        found: OperationQuerySet = self.model._default_manager.using(using)
        return found

    def verb(self, row: BulkOperation) -> Verb:
        return self.verbs[row.verb]

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
        due = self._possible(using).exclude(verb__in=self._outside).due()
        if only is not None:
            due = due.filter(pk=only)
        row: BulkOperation | None = None
        try:
            with pinned(using, LIMITS):
                row = due.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
                if row is not None:
                    self._chunk(row, using, by, self.verb(row).step)
        except Exception as error:  # also a bug of a verb: otherwise it would end the process each time
            if row is None:
                raise
            self._not_done(row, using, error)
        return row is not None

    def carry_outside(self, using: str, by: str, *, only: int | None = None) -> float | None:
        """Do a part of an operation whose verb is ``Outside``. Returns the seconds until its next part, None
        if there is no such operation that no other process does. Raises as ``carry``.
        """
        self.forget_lost(using, by)
        row = self._take(using, by, only)
        if row is None:
            return None
        verb = self.verb(row)
        if not isinstance(verb, Outside):
            raise TypeError(f"{row} is done in chunks")
        self.begun[using, by, row.pk] = row
        try:
            step, values = verb.work(row, using)
        except Exception as error:  # as in ``carry``
            self._forget(using, by, row)
            self._not_done(row, using, error, lease=LEASE_SECONDS)
            return 2.0**row.failures
        wait = max(step.wait, pause_after(step.done, row.rate))
        if not self._report(row, using, by, step._replace(wait=wait + LEASE_SECONDS), values) or step.last:
            self._forget(using, by, row)
        return wait

    def forget_lost(self, using: str, by: str) -> None:
        """Drop what this process has in memory of operations that do not run any more, or that another
        process has taken over.
        """
        for (database, name, pk), row in [*self.begun.items()]:
            ours = self.rows(using).running().filter(pk=pk, carried_by=by)
            if (database, name) == (using, by) and not ours.exists():
                self._forget(using, by, row)

    def _forget(self, using: str, by: str, row: BulkOperation) -> None:
        verb = self.verb(row)
        if self.begun.pop((using, by, row.pk), None) is not None and isinstance(verb, Outside):
            verb.forget(row, using)

    def _take(self, using: str, by: str, only: int | None) -> BulkOperation | None:
        """One that is due and that this process has already, or that no process has."""
        rows = self._possible(using).running().filter(verb__in=self._outside)
        if only is not None:
            rows = rows.filter(pk=only)
        with pinned(using, LIMITS):
            lease = timedelta(seconds=LEASE_SECONDS)
            ours = Q(carried_by=by, due_at__lte=Now() + lease)  # for others, its lease lies behind its wait
            free = rows.filter(ours | Q(due_at__lte=Now())).order_by("due_at", "pk")
            row = free.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
            if row is not None:
                self.rows(using).filter(pk=row.pk).update(carried_by=by, due_at=Now() + lease)
        return row

    def _report(self, row: BulkOperation, using: str, by: str, step: Step, values: Mapping[str, Any]) -> bool:
        """Store a part that was done. False if the operation does not run, or another process has it."""
        with pinned(using, LIMITS):
            ours = self.rows(using).running().filter(pk=row.pk, carried_by=by)
            now = ours.select_for_update(no_key=True, of=("self",)).first()
            if now is None:
                return False
            ours.update(**values)
            self._chunk(now, using, by, lambda row, using, size: step)
        return True

    def _not_done(self, row: BulkOperation, using: str, error: Exception, lease: float = 0.0) -> None:
        if self.verb(row).belongs_elsewhere(error):
            self.elsewhere[using, row.pk] = error
        else:
            self._failed(row, using, error, lease)

    def carry_own(self, using: str, pk: int, by: str, step: Callable[[BulkOperation], Step]) -> bool:
        """Do a chunk of a running operation in another way, which only this process can. Returns whether it
        runs, and no other process is working on it. An error changes nothing and is raised.
        """
        with pinned(using, LIMITS):
            running = self.rows(using).running().filter(pk=pk)
            row = running.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
            if row is not None:
                self._chunk(row, using, by, lambda row, using, size: step(row))
        return row is not None

    def is_any_running(self, using: str, *, outside: bool = False) -> bool:
        """Whether there is one that this process may carry out, in chunks or ``outside`` of transactions."""
        running = self._possible(using).running()
        rows = running.filter(verb__in=self._outside) if outside else running.exclude(verb__in=self._outside)
        return rows.exists()

    @property
    def _outside(self) -> list[str]:
        return [name for name, verb in self.verbs.items() if isinstance(verb, Outside)]

    def _possible(self, using: str) -> OperationQuerySet:
        others = [pk for database, pk in self.elsewhere if database == using]
        return self.rows(using).exclude(pk__in=others) if others else self.rows(using)

    def follow(self, using: str, pk: int, by: str, sleep: Callable[[float], None]) -> Iterator[BulkOperation]:
        """Carry it out, or watch others carry it out, until it runs no longer. Yields it after each chunk.
        Raises what keeps this process from carrying it out.
        """
        self.elsewhere.pop((using, pk), None)
        while True:
            wait = self._carry_one(using, pk, by)
            if (using, pk) in self.elsewhere:
                raise self.elsewhere.pop((using, pk))
            row = self.rows(using).get(pk=pk)
            yield row
            if row.state != State.RUNNING:
                return
            if wait:
                sleep(wait)

    def _carry_one(self, using: str, pk: int, by: str) -> float:
        """Do a part of it, and return the seconds until the next one."""
        if self.rows(using).filter(pk=pk, verb__in=self._outside).exists():
            wait = self.carry_outside(using, by, only=pk)
            return LOOK_SECONDS if wait is None else wait
        return 0.0 if self.carry(using, by, only=pk) else LOOK_SECONDS

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

    def _chunk(
        self, row: BulkOperation, using: str, by: str, do: Callable[[BulkOperation, str, int], Step]
    ) -> None:
        began, order, verb = time.monotonic(), row.order, self.verb(row)
        size = within_rate(row.chunk, row.rate)
        step = do(row, using, size)
        took = time.monotonic() - began
        self._count(row, using, step, _entry(verb, order, step.before))
        ended = {"state": State.DONE, "ended_at": Now()} if step.last else {}
        pause = max(step.wait, pause_after(step.done, row.rate))
        self.rows(using).filter(pk=row.pk).update(
            after=step.after,
            done=F("done") + step.done,
            events=F("events") + step.events,
            skipped=F("skipped") + step.skipped,
            chunk=next_size(row.chunk, took) if step.done == size else row.chunk,
            carried_at=Now(),
            carried_by=by,
            due_at=Now() + timedelta(seconds=pause),
            failures=0,
            error=step.problem,
            **ended,
        )

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

    def _failed(self, row: BulkOperation, using: str, error: Exception, lease: float) -> None:
        """Try the chunk again later, or give up."""
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


def _entry(verb: Verb, order: Order, before: str = "") -> dict[str, Any]:
    return {
        "who": order.who,
        "verb": verb.name,
        "scope": verb.scope(order),
        "selection": verb.stored_selection(order),
        "reason": order.reason,
        "before": before or verb.before,
    }
