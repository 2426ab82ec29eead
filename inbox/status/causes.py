"""Held events grouped by cause: thousands of them are one line, with a count and an example."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections
from django.utils import timezone

from inbox.models import HeldEvent
from inbox.sql import statement
from outbox_core.operations.report import Cause

COUNT_UP_TO = 100_000
"""The most events that are counted."""
GROUP_UP_TO = 10_000
"""The most that are grouped: half of them the oldest, half of them the newest."""
LIST_CAUSES = 50
BEHIND = "behind its key"


class Causes(NamedTuple):
    """The causes with the most events, and all events."""

    causes: tuple[Cause, ...]
    events: int
    capped: bool


NOTHING = Causes((), 0, capped=False)


def read(consumers: Collection[str], using: str) -> Causes:
    """Two queries, however many events are held."""
    numbers = {"half": max(GROUP_UP_TO // 2, 1), "total": COUNT_UP_TO}
    with connections[using].cursor() as cursor:
        cursor.execute(statement("causes"), {"consumers": list(consumers), **numbers})
        rows = cursor.fetchall()
    if not rows:
        return NOTHING
    *_, events, in_part = rows[0]
    capped = events == COUNT_UP_TO
    samples = HeldEvent.objects.using(using).defer("record").in_bulk([row[10] for row in rows[:LIST_CAUSES]])
    return Causes(
        causes=tuple(
            _cause(row, samples.get(row[10]), capped=capped or in_part) for row in rows[:LIST_CAUSES]
        ),
        events=events,
        capped=capped,
    )


def _cause(row: tuple[Any, ...], sample: HeldEvent | None, *, capped: bool) -> Cause:
    consumer, cause, topic, type_, keys, events, oldest, newest, attempts, releasing, first, *_ = row
    return Cause(
        consumer=consumer,
        reason=cause or BEHIND,
        topic=topic,
        type=type_,
        holds=keys,
        keys=keys,
        events=events,
        capped=capped,
        oldest=_since(oldest),
        newest=_since(newest),
        attempts=attempts,
        releasing=releasing,
        example=first,
        sample=f"event {sample.event_id}, key {sample.key}" if sample else "",
        detail=sample.error if sample else "",
    )


def _since(moment: datetime) -> float:
    return max((timezone.now() - moment).total_seconds(), 0.0)
