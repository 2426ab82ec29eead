"""The ledger: who did what to which events, with what result. Its rows outlive the events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import F, Q, Subquery
from django.db.models.functions import Coalesce, Now

IN_PART = "in part"
DONE = "done"
CANCELLED = "cancelled"
FAILED = "failed"
NEEDS_REASON = "Discarding an event needs a reason. The ledger keeps it."
FAILED_AGAIN = "failed again"
RETRIED = "will be retried"
UNDECIDED = "waits for a person"
GIVEN_UP = "failed again, waits for a person"
OUTCOMES = (DONE, IN_PART, CANCELLED, FAILED, RETRIED, UNDECIDED, FAILED_AGAIN, GIVEN_UP)
FACETS = (
    *("consumer", "topic", "partition", "key", "type", "cause"),
    *("hold", "event", "row", "model"),
)
OF_NO_EVENT = ("audit", "take over", "reshard", "rebase", "reset")
PIECE = 500
LONGEST_DAYS = 100_000
NEWEST = 10_000
"""How many entries are searched for those that concern an event or a hold."""


class LedgerQuerySet(models.QuerySet[Any]):
    """Entries. ``about`` finds those that concern an event or a hold."""

    def about(self, since: datetime, **facts: object) -> Self:
        """The entries since ``since`` whose selection covers something with these ``facts``. A selection
        covers it if each of its criteria equals a fact or lists one. The cause that a process gives counts
        as a fact, because later the event may be held for another one. It searches the newest ``NEWEST``
        entries.
        """
        found = self._newest().filter(last_at__gte=since).exclude(verb__in=OF_NO_EVENT)
        for name in FACETS:
            path = f"selection__{name}"
            takes_in = Q(**{f"{path}__isnull": True})
            if name == "cause":
                takes_in |= Q(automatic=True)
            if name in facts:
                takes_in |= Q(**{path: facts[name]}) | Q(**{f"{path}__contains": [facts[name]]})
            found = found.filter(takes_in)
        return found

    def of_operation(self, operation: int, entry: int | None) -> Self:
        """Its own entry, and who paused, resumed or cancelled it. It searches the newest ``NEWEST``."""
        return self._newest().filter(Q(pk=entry) | Q(selection__operation=operation))

    def by_people(self) -> Self:
        """Without what processes did by themselves."""
        return self.filter(automatic=False)

    def _newest(self) -> Self:
        older = Subquery(self.order_by("-pk").values("pk")[NEWEST : NEWEST + 1])
        return self.filter(pk__gt=Coalesce(older, 0))

    def older_than(self, days: int) -> Self:
        """The entries whose last deed is so many days old."""
        return self.filter(last_at__lt=Now() - timedelta(days=min(days, LONGEST_DAYS)))

    def prune(self, days: int, size: int = PIECE) -> int:
        """Delete these, the oldest first and a few in each transaction. Returns how many."""
        gone, old = 0, self.older_than(days).order_by("pk")
        while ids := list(old.values_list("pk", flat=True)[:size]):
            gone += self.filter(pk__in=ids).delete()[0]
        return gone


class LedgerEntry(models.Model):
    """One action of an operator, or one incident of a process (``automatic``), written in the transaction of
    the action. An action over many rows is one entry: each chunk adds to ``count`` in its own transaction,
    and the outcome is ``in part`` until the last one. ``last_at`` is the time of the latest chunk.
    ``selection`` holds the same as ``scope``, for machines; ``before`` is the state before the action.
    ``changes`` are those of a payload, without secrets; they are shown to people who may see payloads.
    """

    class Verb(models.TextChoices):
        RELEASE = "release", "release"
        DISCARD = "discard", "discard"
        PAUSE = "pause", "pause"
        RESUME = "resume", "resume"
        CANCEL = "cancel", "cancel"
        BACKFILL = "backfill", "backfill"
        REPLAY = "replay", "replay"
        CORRECT = "correct", "correct"
        AUDIT = "audit", "audit"
        SEEK = "seek", "seek"
        RESHARD = "reshard", "reshard"
        REBASE = "rebase", "rebase"
        RESET = "reset", "reset"
        HOLD = "hold", "hold"
        RETRY = "retry", "retry"
        TAKE_OVER = "take over", "take over"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField("time", db_default=Now())
    last_at = models.DateTimeField("until", db_default=Now())
    who = models.TextField()
    automatic = models.BooleanField(default=False)
    verb = models.TextField(choices=Verb.choices)
    scope = models.TextField()
    selection = models.JSONField(default=dict)
    reason = models.TextField(default="", blank=True)
    count = models.BigIntegerField(default=0)
    outcome = models.TextField(default=IN_PART)
    before = models.TextField(default="", blank=True)
    changes = models.JSONField(null=True)

    objects = LedgerQuerySet.as_manager()

    class Meta:
        abstract = True
        default_permissions = ("view",)
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger entries"

    def __str__(self) -> str:
        return f"{self.who}: {self.verb} {self.scope}"


class OpenEntry:
    """The ledger entry of an action that still runs. An action that changes nothing writes no entry."""

    def __init__(self, model: type[LedgerEntry], using: str, **values: Any) -> None:
        self._entries = model._default_manager.using(using)
        self._values: Mapping[str, Any] = values
        self._entry: LedgerEntry | None = None
        self.count = 0

    def add(self, count: int, *, last: bool = False, **values: Any) -> None:
        """Add to the count, in the current transaction. ``last`` completes the entry."""
        self.count += count
        if not self.count:
            return
        outcome = DONE if last else IN_PART
        if self._entry is None:
            self._entry = self._entries.create(**{**self._values, **values}, count=count, outcome=outcome)
        elif count or last:
            self._entries.filter(pk=self._entry.pk).update(
                count=F("count") + count, outcome=outcome, last_at=Now()
            )
