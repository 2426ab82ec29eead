"""Holds grouped by cause: thousands of them are one line, with a count and an example."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections

from outbox.models import Hold
from outbox.sql import statement
from outbox.status.report import HoldReport
from outbox_core.operations.report import Cause

COUNT_UP_TO = 100_000
LIST_CAUSES = 50


class Causes(NamedTuple):
    """All causes, and the first few holds of the largest ones."""

    causes: tuple[Cause, ...]
    holds: tuple[HoldReport, ...]
    total: int
    events: int
    capped: bool


def read(using: str, at: datetime, cap: int) -> Causes:
    """Two queries, whatever the number of holds. The events of each hold are counted up to ``cap``."""
    with connections[using].cursor() as cursor:
        cursor.execute(statement("causes", cap=COUNT_UP_TO))
        rows = cursor.fetchall()
    listed = [hold for row in rows[:LIST_CAUSES] for hold in row[7]]
    found = Hold.objects.using(using).filter(pk__in=listed).with_waiting(cap + 1)
    holds = {hold.pk: hold for hold in found}
    return Causes(
        causes=tuple(_cause(row, at, holds.get(row[6])) for row in rows[:LIST_CAUSES]),
        holds=tuple(_report(holds[pk], at, cap) for pk in listed if pk in holds),
        total=sum(row[2] for row in rows),
        events=sum(row[3] for row in rows),
        capped=any(row[8] for row in rows),
    )


def _cause(row: tuple[Any, ...], at: datetime, sample: Hold | None) -> Cause:
    reason, topic, holds, events, oldest, due, _, _, capped = row
    return Cause(
        reason=reason,
        topic=topic,
        holds=holds,
        events=events,
        capped=capped,
        oldest=max((at - oldest).total_seconds(), 0.0),
        releasing=due,
        sample=f"hold {sample.pk}, {sample.where}" if sample else "",
        detail=sample.detail if sample else "",
    )


def _report(hold: Any, at: datetime, cap: int) -> HoldReport:
    return HoldReport(
        id=hold.pk,
        reason=hold.reason,
        where=hold.where,
        topic=hold.topic,
        detail=hold.detail,
        waiting=min(hold.waiting, cap),
        waiting_capped=hold.waiting > cap,
        age=max((at - hold.created_at).total_seconds(), 0.0),
        release_in=(hold.release_at - at).total_seconds() if hold.release_at else None,
    )
