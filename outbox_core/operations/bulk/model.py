"""The table of operations: what is done to many rows, how far it is, and who carries it out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order
from outbox_core.operations.ledger import LONGEST_DAYS, PIECE
from outbox_core.people.text import line

CARRIED_SECONDS = 10.0
"""An operation that is due and that nobody has carried on for so long is carried out by nobody."""


class State(models.TextChoices):
    RUNNING = "running", "running"
    PAUSED = "paused", "paused"
    DONE = "done", "done"
    CANCELLED = "cancelled", "cancelled"
    FAILED = "failed", "failed"


STOPPED = (State.PAUSED, State.FAILED)
"""What can be resumed."""
OPEN = (State.RUNNING, *STOPPED)
"""What can be cancelled."""


class OperationQuerySet(models.QuerySet[Any]):
    """A change of state waits for the chunk that is being done, a tenth of a second. It returns False if
    another person, or the last chunk, was faster.
    """

    def running(self) -> Self:
        return self.filter(state=State.RUNNING)

    def due(self) -> Self:
        """Those whose next chunk may begin, in turns."""
        return self.running().filter(due_at__lte=Now()).order_by("due_at", "pk")

    def waiting(self) -> Self:
        """Those that wait for a person, or that are due and that nobody carries out; the oldest first."""
        alone = Q(state=State.RUNNING, due_at__lt=Now() - timedelta(seconds=CARRIED_SECONDS))
        return self.filter(alone | Q(state__in=STOPPED)).order_by("pk")

    def newest(self, limit: int) -> Self:
        """Running ones first, then the newest."""
        return self.order_by(models.Case(models.When(ended_at=None, then=0), default=1), "-pk")[:limit]

    def pause(self, pk: int, who: str) -> bool:
        """Begin no more chunks until it is resumed."""
        return bool(self.running().filter(pk=pk).update(state=State.PAUSED, changed_by=who))

    def resume(self, pk: int, who: str) -> bool:
        """Continue what is paused or has failed behind its last chunk."""
        stopped = self.filter(pk=pk, state__in=STOPPED)
        fresh = {"error": "", "failures": 0, "ended_at": None, "due_at": Now()}
        return bool(stopped.update(state=State.RUNNING, changed_by=who, **fresh))

    def cancel(self, pk: int, who: str) -> bool:
        """End it. What is done stays done."""
        values = {"state": State.CANCELLED, "changed_by": who, "ended_at": Now()}
        return bool(self.filter(pk=pk, state__in=OPEN).update(**values))

    def older_than(self, days: int) -> Self:
        """Those that ended so many days ago."""
        return self.filter(ended_at__lt=Now() - timedelta(days=min(days, LONGEST_DAYS)))

    def prune(self, days: int, size: int = PIECE) -> int:
        """Delete these, a few in each transaction. Returns how many."""
        gone, old = 0, self.older_than(days).order_by("pk")
        while ids := list(old.values_list("pk", flat=True)[:size]):
            gone += self.filter(pk__in=ids).delete()[0]
        return gone


class BulkOperation(models.Model):
    """An order that is carried out in chunks. Each chunk is one transaction with its effects, its counts,
    its part of the ledger entry, and ``after``, behind which the next one begins. So any process can
    continue it, and nothing is counted twice.

    It walks through primary keys behind ``first`` up to ``until``: what comes later does not belong to it.
    ``planned`` is how many rows matched when it began. The next chunk may begin at ``due_at``.
    """

    id = models.BigAutoField(primary_key=True)
    verb = models.TextField()
    scope = models.TextField()
    selection = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    who = models.TextField()
    reason = models.TextField(default="", blank=True)
    rate = models.FloatField(null=True)
    state = models.TextField(choices=State.choices, default=State.RUNNING)
    first = models.BigIntegerField(default=0)
    after = models.BigIntegerField(default=0)
    until = models.BigIntegerField()
    planned = models.BigIntegerField()
    planned_capped = models.BooleanField(default=False)
    done = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    chunk = models.IntegerField()
    began_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    carried_at = models.DateTimeField(null=True)
    carried_by = models.TextField(default="")
    ended_at = models.DateTimeField(null=True)
    changed_by = models.TextField(default="")
    failures = models.SmallIntegerField(default=0)
    error = models.TextField(default="")

    objects = OperationQuerySet.as_manager()
    ledger_id: int | None

    class Meta:
        abstract = True
        default_permissions = ("view",)
        verbose_name = "operation"
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(state="running"), name="%(app_label)s_operation_due"),
        ]

    def __str__(self) -> str:
        return f"operation {self.pk}: {self.verb} {line(self.scope, 200)}"

    @property
    def order(self) -> Order:
        """What was ordered."""
        return Order(
            verb=self.verb,
            selection=Selection.stored(self.selection),
            who=self.who,
            reason=self.reason,
            rate=self.rate,
            options=self.options,
        )

    @property
    def fraction(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.state == State.DONE:
            return 1.0
        if self.planned and not self.planned_capped:
            return min(1.0, (self.done + self.skipped) / self.planned)
        return (self.after - self.first) / (self.until - self.first) if self.until > self.first else 0.0

    @property
    def seconds(self) -> float | None:
        """How long it has been carried out; None before the first chunk."""
        end = self.ended_at or self.carried_at
        return None if end is None else max(0.0, (end - self.began_at).total_seconds())

    @property
    def seconds_left(self) -> float | None:
        """About how long the rest takes; None if that cannot be said yet."""
        if self.rate and not self.planned_capped:
            return max(0, self.planned - self.done - self.skipped) / self.rate
        if not self.seconds or not self.fraction:
            return None
        return self.seconds * (1 - self.fraction) / self.fraction


def ledger_key(model: str) -> Any:
    """The column that leads to the ledger entry; empty as long as nothing was changed. The entry may be
    pruned first.
    """
    return models.ForeignKey(model, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
