"""Operations that are done outside of transactions: one process has each, for as long as it reports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from outbox_core.database import pinned
from outbox_core.operations.bulk.model import BulkOperation, OperationQuerySet
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.step import LIMITS, Step, pause_after
from outbox_core.operations.bulk.verb import Outside

LEASE_SECONDS = 15.0
"""A process that does one says so at least this often."""


class OutsideWork:
    """What the process ``by`` does of operations whose verbs are ``Outside``. It remembers of which of them
    something is in memory.
    """

    def __init__(self, operations: Operations, using: str, by: str) -> None:
        self._operations = operations
        self._using = using
        self._by = by
        self._verbs = {name: verb for name, verb in operations.verbs.items() if isinstance(verb, Outside)}
        self._begun: dict[int, BulkOperation] = {}

    @property
    def is_any_running(self) -> bool:
        """Whether there is one that this process may carry out."""
        return self._running.exists()

    def carry(self, *, only: int | None = None) -> float | None:
        """Do a part of one that is due. Returns the seconds until its next part, None if there is none that
        no other process has. A part that fails is tried again later.

        Raises InterfaceError or OperationalError if the database does not answer.
        """
        self.forget_lost()
        row = self._take(only)
        if row is None:
            return None
        self._begun[row.pk] = row
        try:
            step, values = self._verbs[row.verb].work(row, self._using)
        except Exception as error:  # also a bug of a verb: otherwise it would end the process each time
            self._forget(row)
            self._operations.not_done(row, self._using, error, LEASE_SECONDS)
            return 2.0**row.failures
        wait = max(step.wait, pause_after(step.done, row.rate))
        if not self._report(row, step._replace(wait=wait + LEASE_SECONDS), values) or step.last:
            self._forget(row)
        return wait

    def forget_lost(self) -> None:
        """Drop what is in memory of operations that do not run any more, or that another process has taken
        over.
        """
        ours = self._running.filter(pk__in=[*self._begun], carried_by=self._by)
        for pk in self._begun.keys() - set(ours.values_list("pk", flat=True)):
            self._forget(self._begun[pk])

    def _forget(self, row: BulkOperation) -> None:
        del self._begun[row.pk]
        self._verbs[row.verb].forget(row, self._using)

    @property
    def _running(self) -> OperationQuerySet:
        return self._operations.possible(self._using).running().filter(verb__in=[*self._verbs])

    def _take(self, only: int | None) -> BulkOperation | None:
        """One that is due and that this process has already, or that no process has."""
        rows = self._running if only is None else self._running.filter(pk=only)
        with pinned(self._using, LIMITS):
            lease = timedelta(seconds=LEASE_SECONDS)
            # For others, its lease lies behind its wait.
            ours = Q(carried_by=self._by, due_at__lte=Now() + lease)
            free = rows.filter(ours | Q(due_at__lte=Now())).order_by("due_at", "pk")
            row: BulkOperation | None = free.select_for_update(
                no_key=True, skip_locked=True, of=("self",)
            ).first()
            if row is not None:
                taken = {"carried_by": self._by, "due_at": Now() + lease}
                self._operations.rows(self._using).filter(pk=row.pk).update(**taken)
        return row

    def _report(self, row: BulkOperation, step: Step, values: Mapping[str, Any]) -> bool:
        """Store a part that was done. False if the operation does not run, or another process has it."""
        with pinned(self._using, LIMITS):
            ours = self._operations.rows(self._using).running().filter(pk=row.pk, carried_by=self._by)
            now = ours.select_for_update(no_key=True, of=("self",)).first()
            if now is None:
                return False
            ours.update(**values)
            self._operations.store(now, self._using, self._by, step)
        return True
