"""How the consumers are doing, from the database alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, Q, Sum

from inbox.models import Instance, Parked


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatus:
    """How one consumer is doing. ``exit_code``: 0 it is well, 1 somebody should look, 2 it is down."""

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
    def exit_code(self) -> int:
        if not self.instances:
            return 2
        behind = self.max_lag is not None and (self.lag or 0) > self.max_lag
        return 1 if self.waiting_for or self.parked or behind else 0


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
