"""How the consumers are doing: from their database, and from the broker for how far they are behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from math import inf
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone
from django.utils.timesince import timesince

from inbox.conf import ConsumerSettings
from inbox.lag import Asking, Lag
from inbox.models import Instance, Offset, Parked
from outbox_core.process.exit_codes import StatusCode


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatus:
    """How one consumer is doing. ``exit_code``: 0 it is well, 1 somebody should look, 2 it is down.

    ``lag`` is the number of records that it has yet to handle, ``lag_seconds`` the age of the oldest of them;
    None if they are not known, and ``lag_unknown`` says why. ``missed`` are ranges of offsets that Kafka
    deleted within the last day before they were read.
    """

    consumer: str
    instances: int
    waiting_for: str
    lag: int | None
    lag_seconds: float | None
    lag_unknown: str
    missed: tuple[str, ...]
    handled: int
    progress_at: datetime | None
    parked: int
    requeued: int
    oldest_parked_at: datetime | None
    max_lag: int | None = None
    max_age: float | None = None

    @property
    def exit_code(self) -> StatusCode:
        if not self.instances:
            return StatusCode.CRITICAL
        needs_a_look = self.waiting_for or self.parked or self.missed or self._is_behind
        return StatusCode.WARNING if needs_a_look else StatusCode.OK

    @property
    def _is_behind(self) -> bool:
        """More than it may be; a lag that is not known is too much wherever there is a limit."""
        if self.lag is None:
            return (self.max_lag, self.max_age) != (None, None)
        too_many = self.max_lag is not None and self.lag > self.max_lag
        return too_many or (self.max_age is not None and self._age > self.max_age)

    @property
    def _age(self) -> float:
        if self.lag_seconds is None:
            return inf if self.lag else 0.0  # as of a record that cannot be decoded
        return self.lag_seconds

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "exit_code": self.exit_code}

    def __str__(self) -> str:
        state = f"{self.instances} running" if self.instances else "DOWN: no consumer is alive"
        state += self._lag_in_words()
        if self.progress_at is not None:
            state += f", last event {timesince(self.progress_at)} ago"
        if self.waiting_for:
            state += f", waits for {self.waiting_for}"
        if self.oldest_parked_at is not None:
            state += f", {self.parked} parked ({self.requeued} of them requeued)"
            state += f", the oldest for {timesince(self.oldest_parked_at)}"
        if self.missed:
            state += f", Kafka deleted before they were read: {'; '.join(self.missed)}"
        return f"{self.consumer}: {state}"

    def _lag_in_words(self) -> str:
        if self.lag is None:
            return f", lag unknown: {self.lag_unknown}" if self.lag_unknown else ""
        age = "" if self.lag_seconds is None else f", the oldest {self.lag_seconds:.0f} s old"
        return f", lag {self.lag}{age}"


def statuses(
    consumers: Iterable[ConsumerSettings],
    database: str,
    asking: Asking | None,
    *,
    max_lag: int | None = None,
    max_age: float | None = None,
) -> list[ConsumerStatus]:
    """The status of each of these consumers; without ``asking`` their lag is not known."""
    return [
        replace(
            _status(consumer.name, database),
            **_behind(Lag() if asking is None else _ask(asking, consumer, database)),
            max_lag=max_lag,
            max_age=max_age,
        )
        for consumer in consumers
    ]


def _ask(asking: Asking, consumer: ConsumerSettings, database: str) -> Lag:
    return asking.lag(consumer.name, consumer.topics, database)


def _behind(lag: Lag) -> dict[str, Any]:
    age = None if lag.oldest_at is None else max(0.0, (timezone.now() - lag.oldest_at).total_seconds())
    return {"lag": lag.records, "lag_seconds": age, "lag_unknown": lag.reason}


def _status(name: str, database: str) -> ConsumerStatus:
    alive = Instance.objects.using(database).filter(consumer=name).alive()
    totals = alive.aggregate(instances=Count("id"), handled=Sum("handled"), progress_at=Max("progress_at"))
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
    gaps = Offset.objects.db_manager(database).with_gaps(name)
    return ConsumerStatus(
        consumer=name,
        instances=totals["instances"],
        waiting_for="; ".join(sorted(set(details))),
        lag=None,
        lag_seconds=None,
        lag_unknown="",
        missed=tuple(
            f"{gap.topic}/{gap.partition} offsets {gap.missed_first} to {gap.missed_last}" for gap in gaps
        ),
        handled=totals["handled"] or 0,
        progress_at=totals["progress_at"],
        parked=parked["parked"],
        requeued=parked["requeued"],
        oldest_parked_at=parked["oldest"],
    )
