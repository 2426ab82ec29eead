"""Held events grouped by cause: thousands of them are one line, with a count and an example."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from django.db import connections
from django.utils import timezone

from inbox.models import HeldEvent
from inbox.sql import statement
from outbox_core.operations.report import Cause

COUNT_UP_TO = 100_000
LIST_CAUSES = 50
BEHIND = "behind its key"


class Causes(NamedTuple):
    """The causes with the most events, and all events."""

    causes: tuple[Cause, ...]
    events: int
    capped: bool


def read(consumers: Collection[str], using: str) -> Causes:
    """Two queries, however many events are held."""
    with connections[using].cursor() as cursor:
        cursor.execute(statement("causes"), {"consumers": list(consumers), "cap": COUNT_UP_TO})
        rows = cursor.fetchall()
    samples = HeldEvent.objects.using(using).defer("record").in_bulk([row[7] for row in rows[:LIST_CAUSES]])
    return Causes(
        causes=tuple(_cause(row, samples.get(row[7])) for row in rows[:LIST_CAUSES]),
        events=sum(row[3] for row in rows),
        capped=any(row[8] for row in rows),
    )


def _cause(row: tuple[Any, ...], sample: HeldEvent | None) -> Cause:
    consumer, cause, topic, events, keys, oldest, releasing, _, capped = row
    return Cause(
        consumer=consumer,
        reason=cause or BEHIND,
        topic=topic,
        holds=keys,
        events=events,
        capped=capped,
        oldest=max((timezone.now() - oldest).total_seconds(), 0.0),
        releasing=releasing,
        sample=f"event {sample.event_id}, key {sample.key}" if sample else "",
        detail=sample.error if sample else "",
    )
