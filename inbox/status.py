from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone
from django.utils.timesince import timesince

from inbox.conf import ConsumerSettings, settings
from inbox.models import Instance, Parked, Unhandled
from inbox.models.parked_queries import UNDECIDED
from inbox.registry import EVERY, registry
from inbox.skipped import alike

TRANSIENT = timedelta(seconds=60)
"""What is tried again by itself for longer than this is worth a look."""


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
    undecided: int
    retrying: int
    retried_since: datetime | None
    oldest_parked_at: datetime | None
    handlers: dict[str, str]
    unhandled: dict[str, int]
    max_lag: int | None = None

    @property
    def exit_code(self) -> int:
        if not self.instances:
            return 2
        behind = self.max_lag is not None and (self.lag or 0) > self.max_lag
        return 1 if self.waiting_for or self.undecided or self._retries_for_long or behind else 0

    @property
    def _retries_for_long(self) -> bool:
        return self.retried_since is not None and timezone.now() - self.retried_since > TRANSIENT

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
            state += f", {self.parked} held ({self.undecided} until somebody requeues or discards them, "
            state += f"{self.retrying} are tried again by themselves, {self.requeued} requeued)"
            state += f", the oldest for {timesince(self.oldest_parked_at)}"
        return "\n".join([f"{self.consumer}: {state}", *self._about_types()])

    def _about_types(self) -> Iterator[str]:
        for type_, handler in self.handlers.items():
            yield f"  {type_} is taken by {handler}"
        for type_, count in self.unhandled.items():
            meant = alike(type_, self.handlers)
            question = f"; did you mean {type_} where @inbox.handler says {meant}?" if meant else ""
            yield f"  {count} events of type {type_}, which no handler takes{question}"


def statuses(names: Iterable[str], database: str, max_lag: int | None = None) -> list[ConsumerStatus]:
    """The status of each of these consumers, from the database alone."""
    return [_status(name, database, max_lag) for name in names]


def _status(name: str, database: str, max_lag: int | None) -> ConsumerStatus:
    alive = Instance.objects.using(database).filter(consumer=name).alive()
    totals = alive.aggregate(
        instances=Count("id"), lag=Sum("lag"), handled=Sum("handled"), progress_at=Max("progress_at")
    )
    consumer = settings().consumers.get(name)
    handlers = _handlers(consumer)
    details = alive.filter(state=Instance.State.WAITING).values_list("detail", flat=True)
    parked = (
        Parked.objects.using(database)
        .waiting(name)
        .order_by()
        .aggregate(
            parked=Count("id"),
            requeued=Count("id", filter=Q(requeued_at__isnull=False)),
            undecided=Count("id", filter=UNDECIDED),
            retrying=Count("id", filter=Q(retry_at__isnull=False)),
            retried_since=Min("parked_at", filter=Q(retry_at__isnull=False)),
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
        undecided=parked["undecided"],
        retrying=parked["retrying"],
        retried_since=parked["retried_since"],
        handlers=handlers,
        unhandled=_unhandled(name, consumer, handlers, database),
        oldest_parked_at=parked["oldest"],
        max_lag=max_lag,
    )


def _handlers(consumer: ConsumerSettings | None) -> dict[str, str]:
    """What a consumer takes, and which handler does."""
    if consumer is None:
        return {}
    return {type_: handler.name for type_, handler in sorted(registry.of(consumer.handlers).items())}


def _unhandled(
    name: str, consumer: ConsumerSettings | None, handlers: Mapping[str, str], database: str
) -> dict[str, int]:
    """The types that it has skipped and would skip today."""
    counts = Unhandled.objects.using(database).filter(consumer=name).order_by("type")
    return {
        row.type: row.count
        for row in counts
        if not handlers.keys() & {row.type, EVERY} and not (consumer and consumer.ignores(row.type))
    }
