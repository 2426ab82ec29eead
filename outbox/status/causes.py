"""Holds grouped by cause: thousands of them are one line, with a count and an example."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections

from outbox.models import Hold
from outbox.sql import statement
from outbox.status.report import HoldReport
from outbox_core.operations.report import Cause

COUNT_UP_TO = 50_000
"""The most holds and events that are counted."""
GROUP_UP_TO = 6_000
"""The most that are grouped: half of them the oldest, half of them the newest."""
LIST_CAUSES = 50
HASHED = (
    "SET LOCAL work_mem = '32MB'; SET LOCAL enable_nestloop = off; "
    "SET LOCAL enable_mergejoin = off; SET LOCAL enable_sort = off; "
)
"""The planner cannot know how many groups there are, and would sort texts. The transaction is rolled back."""


class Causes(NamedTuple):
    """All causes, and an example of each."""

    causes: tuple[Cause, ...]
    holds: tuple[HoldReport, ...]
    total: int
    events: int
    capped: bool


NOTHING = Causes((), (), 0, 0, capped=False)


def read(using: str, at: datetime, cap: int) -> Causes:
    """Two queries, whatever the number of holds. The events of an example are counted up to ``cap``."""
    rows = _rows(using)
    if not rows:
        return NOTHING
    *_, total, events, in_part = rows[0]
    capped = COUNT_UP_TO in (total, events)
    listed = [row[10] for row in rows[:LIST_CAUSES]]
    found = Hold.objects.using(using).filter(pk__in=listed).with_waiting(cap + 1)
    holds = {hold.pk: hold for hold in found}
    return Causes(
        causes=tuple(
            _cause(row, at, holds.get(row[10]), capped=capped or in_part) for row in rows[:LIST_CAUSES]
        ),
        holds=tuple(_report(holds[pk], at, cap) for pk in dict.fromkeys(listed) if pk in holds),
        total=total,
        events=events,
        capped=capped,
    )


def _rows(using: str) -> list[tuple[Any, ...]]:
    numbers = {"half": GROUP_UP_TO // 2, "total": COUNT_UP_TO}
    with connections[using].cursor() as cursor:
        cursor.execute(HASHED + statement("causes", **numbers))
        while cursor.nextset():
            pass
        return list(cursor.fetchall())


def _cause(row: tuple[Any, ...], at: datetime, sample: Hold | None, *, capped: bool) -> Cause:
    reason, topic, type_, holds, keys, events, oldest, newest, attempts, due, hold, *_ = row
    return Cause(
        reason=reason,
        topic=topic,
        type=type_,
        holds=holds,
        keys=keys,
        events=events,
        capped=capped,
        oldest=max((at - oldest).total_seconds(), 0.0),
        newest=max((at - newest).total_seconds(), 0.0),
        attempts=attempts,
        releasing=due,
        example=hold,
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
