"""Finds the events of an order in the log."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q

from outbox.models import OutboxEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outbox.models.event_queries import OutboxEventQuerySet

BEFORE, AFTER = timedelta(seconds=1), timedelta(seconds=5)


def trail(key: object, moments: Iterable[datetime]) -> OutboxEventQuerySet:
    """The events of ``key`` that were emitted about these moments, in their order and with their status.

    The log has no index on keys, but event ids are UUIDs of version 7: a span of time is a range of ids.
    """
    spans = [
        Q(event_id__gte=lowest_uuid7(moment - BEFORE), event_id__lt=lowest_uuid7(moment + AFTER))
        for moment in moments
    ]
    return OutboxEvent.objects.filter(reduce(or_, spans), key=str(key)).with_status().order_by("id")


def lowest_uuid7(moment: datetime) -> UUID:
    """The lower bound of UUIDs made from then on: they begin with 48 bits of milliseconds (RFC 9562, 5.7)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
