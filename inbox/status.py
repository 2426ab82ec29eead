from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum
from django.utils.timesince import timesince

from inbox.models import Instance, Parked
from outbox_core.process.exit_codes import StatusCode


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatus:
    """How one consumer is doing."""

    consumer: str
    instances: int
    waiting_for: str
    lag: int | None
    handled: int
    progress_at: datetime | None
    parked: int
    requeued: int
    oldest_parked_at: datetime | None
    max_lag: int | None = None

    @property
    def exit_code(self) -> StatusCode:
        if not self.instances:
            return StatusCode.CRITICAL
        behind = self.max_lag is not None and (self.lag or 0) > self.max_lag
        return StatusCode.WARNING if self.waiting_for or self.parked or behind else StatusCode.OK

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "exit_code": self.exit_code}

    def __str__(self) -> str:
        if not self.instances:
            state = "DOWN: no consumer is alive"
        else:
            state = f"{self.instances} running, lag {'unknown' if self.lag is None else self.lag}"
        if self.progress_at is not None:
            state += f", last event {timesince(self.progress_at)} ago"
        if self.waiting_for:
            state += f", waits for {self.waiting_for}"
        if self.oldest_parked_at is not None:
            state += f", {self.parked} parked ({self.requeued} of them requeued)"
            state += f", the oldest for {timesince(self.oldest_parked_at)}"
        return f"{self.consumer}: {state}"


def statuses(names: Iterable[str], database: str, max_lag: int | None = None) -> list[ConsumerStatus]:
    """The status of each of these consumers, from the database alone."""
    return [_status(name, database, max_lag) for name in names]


def _status(name: str, database: str, max_lag: int | None) -> ConsumerStatus:
    alive = Instance.objects.using(database).filter(consumer=name).alive()
    totals = alive.aggregate(
        instances=Count("id"), lag=Sum("lag"), handled=Sum("handled"), progress_at=Max("progress_at")
    )
    details = alive.filter(state=Instance.State.WAITING).values_list("detail", flat=True)
    parked = (
        Parked.objects.using(database)
        .waiting(name)
        .order_by()
        .aggregate(
            parked=Count("id"),
            requeued=Count("id", filter=Q(requeued_at__isnull=False)),
            oldest=Min("parked_at"),
        )
    )
    return ConsumerStatus(
        consumer=name,
        instances=totals["instances"],
        waiting_for="; ".join(sorted(set(details))),
        lag=totals["lag"],
        handled=totals["handled"] or 0,
        progress_at=totals["progress_at"],
        parked=parked["parked"],
        requeued=parked["requeued"],
        oldest_parked_at=parked["oldest"],
        max_lag=max_lag,
    )
