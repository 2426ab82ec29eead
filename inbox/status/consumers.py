"""The status of consumers, from their database; the lag also needs Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import Now
from django.utils import timezone

from inbox.conf import ConsumerSettings
from inbox.handling.registry import EVERY, registry
from inbox.models import HeldEvent, Instance, Offset, Pause, Unhandled
from inbox.models.held_queries import UNDECIDED
from inbox.models.instance import ALIVE
from inbox.status.lag import Lag, LagReader, PartitionLag


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseStatus:
    """A pause of a whole consumer, or of one ``topic``. ``detail`` is the reason, as far as it was given."""

    topic: str
    since: datetime
    who: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatus:
    """How one consumer is doing.

    ``workers`` is how many processes its ``instances`` have to handle events; 0: each handles them itself.
    ``heard_at`` is the last heartbeat of a process, alive or not. ``waiting_since`` is when the first of
    those that wait began to wait.

    ``lag`` is the number of records that it has yet to handle, ``lag_seconds`` the age of the oldest of them;
    None if they are not known. ``lag_unknown`` says why, or what is not counted. ``strangers`` members of its
    Kafka ``group`` write no heartbeat into this database. ``missed`` are ranges of offsets that Kafka deleted
    within the last day before they were read. ``undecided`` of the held events
    stay held until somebody releases or discards them; ``retrying`` are tried again by themselves, the first
    of them since ``retried_since``. ``handlers`` are the types that it handles and who does; ``unhandled``
    counts the events of types that no handler takes.
    """

    consumer: str
    group: str
    instances: int
    workers: int
    heard_at: datetime | None
    waiting_for: str
    waiting_since: datetime | None
    lag: int | None
    lag_seconds: float | None
    lag_unknown: str
    strangers: int
    missed: tuple[str, ...]
    handled: int
    progress_at: datetime | None
    held: int
    released: int
    undecided: int
    retrying: int
    retried_since: datetime | None
    handlers: dict[str, str]
    unhandled: dict[str, int]
    oldest_held_at: datetime | None
    pauses: tuple[PauseStatus, ...] = ()
    partitions: tuple[PartitionLag, ...] = ()


def statuses(consumers: Iterable[ConsumerSettings], database: str, lags: LagReader) -> list[ConsumerStatus]:
    """The status of each of these consumers."""
    return [status(consumer, database, lags.lag(consumer, database)) for consumer in consumers]


def _behind(lag: Lag) -> dict[str, Any]:
    age = None if lag.oldest_at is None else max(0.0, (timezone.now() - lag.oldest_at).total_seconds())
    return {
        "lag": lag.records,
        "lag_seconds": age,
        "lag_unknown": lag.reason,
        "strangers": lag.strangers,
        "partitions": lag.partitions,
    }


def status(consumer: ConsumerSettings, database: str, lag: Lag) -> ConsumerStatus:
    """The status of a consumer whose lag is known."""
    name = consumer.name
    handlers = {type_: handler.name for type_, handler in sorted(registry.of(consumer.handlers).items())}
    gaps = Offset.objects.db_manager(database).with_gaps(name)
    return ConsumerStatus(
        consumer=name,
        group=consumer.group,
        **_processes(name, database),
        **_behind(lag),
        missed=tuple(
            f"{gap.topic}/{gap.partition} offsets {gap.missed_first} to {gap.missed_last}" for gap in gaps
        ),
        **_held(name, database),
        handlers=handlers,
        unhandled=_unhandled(consumer, handlers, database),
        pauses=tuple(_pauses(name, database)),
    )


def _processes(consumer: str, database: str) -> dict[str, Any]:
    """What the heartbeats of its processes say, together."""
    processes = Instance.objects.using(database).filter(consumer=consumer)
    waiting = processes.alive().filter(state=Instance.State.WAITING)
    waits = list(waiting.values_list("detail", "state_since"))
    is_alive = Q(heartbeat_at__gte=Now() - ALIVE)
    totals = processes.aggregate(
        instances=Count("id", filter=is_alive),
        workers=Sum("workers", filter=is_alive, default=0),
        handled=Sum("handled", filter=is_alive),
        progress_at=Max("progress_at", filter=is_alive),
        heard_at=Max("heartbeat_at"),
    )
    return {
        **totals,
        "handled": totals["handled"] or 0,
        "waiting_for": "; ".join(sorted({detail for detail, _ in waits})),
        "waiting_since": min((since for _, since in waits), default=None),
    }


def _pauses(consumer: str, database: str) -> Iterator[PauseStatus]:
    for each in Pause.objects.using(database).filter(consumer=consumer).order_by("topic"):
        yield PauseStatus(topic=each.topic, since=each.since, who=each.who, detail=each.detail)


def _held(consumer: str, database: str) -> dict[str, Any]:
    will_be_retried = Q(retry_at__isnull=False)
    waiting = HeldEvent.objects.using(database).waiting(consumer).order_by()
    return waiting.aggregate(
        held=Count("id"),
        released=Count("id", filter=Q(released_at__isnull=False)),
        undecided=Count("id", filter=UNDECIDED),
        retrying=Count("id", filter=will_be_retried),
        retried_since=Min("held_at", filter=will_be_retried),
        oldest_held_at=Min("held_at"),
    )


def _unhandled(consumer: ConsumerSettings, handlers: Mapping[str, str], database: str) -> dict[str, int]:
    """The types that it has skipped and still has no handler for."""
    if EVERY in handlers:
        return {}
    counts = Unhandled.objects.using(database).filter(consumer=consumer.name).order_by("type")
    return {
        row.type: row.count for row in counts if row.type not in handlers and not consumer.ignores(row.type)
    }
