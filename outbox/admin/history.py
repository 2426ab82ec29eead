"""The plots of the status page: the period that the reader chose, with what people and relays did in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.models import Case, Q, When
from django.http import HttpRequest
from django.utils import timezone

from outbox.admin.plot import History, Mark
from outbox.models import Ledger
from outbox.status import Status, history
from outbox.status.history import PERIODS, Period
from outbox_core.people.text import line

MOST_MARKS = 100
"""What people did and takeovers come first: a bad night has very many other incidents."""


def context(status: Status, request: HttpRequest) -> dict[str, Any]:
    """For the template. A status without figures has no plots."""
    chosen = request.GET.get("period", "")
    name = chosen if chosen in PERIODS else "hour"
    found = _history(status, PERIODS[name], request) if status.at is not None else None
    return {"history": found, "period": name, "periods": list(PERIODS)}


def _history(status: Status, period: Period, request: HttpRequest) -> History | None:
    try:
        spans = history.read(status.database, period)
    except (DatabaseError, InterfaceError):
        return None  # the figures above were read just now; the next page shows it again
    words = "%H:%M" if period.total <= 86_400 else "%a %d %b %H:%M"

    def named(moment: datetime) -> str:
        return f"{timezone.localtime(moment):{words}}"

    return History(period, spans, list(_marks(status, period, spans[0].at, named, request)), named)


def _marks(
    status: Status, period: Period, begin: datetime, named: Any, request: HttpRequest
) -> Iterator[Mark]:
    def mark(at: datetime, words: str) -> Mark:
        return Mark((at - begin).total_seconds() / period.total, line(f"{named(at)}: {words}", 200))

    for relay in status.relays:
        started = (status.at or begin) - timedelta(seconds=relay.uptime)
        if started >= begin:
            yield mark(started, f"relay {relay.name} started")
    if request.user.has_perm("outbox.view_ledger"):
        first = Case(When(Q(automatic=False) | Q(verb=Ledger.Verb.TAKE_OVER), then=0), default=1)
        entries = Ledger.objects.using(status.database).filter(at__gte=begin)
        for entry in entries.order_by(first, "-at")[:MOST_MARKS]:
            yield mark(entry.at, str(entry))
