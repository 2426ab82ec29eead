"""Turns an operator's selection into held events."""

from __future__ import annotations

from django.db.models import Q

from inbox.models import HeldEvent
from inbox.models.held_queries import HeldEventQuerySet
from outbox_core.operations.selection import Selection


def held(selection: Selection, using: str) -> HeldEventQuerySet:
    """The held events that it means. The cause is the type of the error: ``ValueError``."""
    found = HeldEvent.objects.using(using).waiting()
    if selection.ids:
        found = found.filter(event_id__in=selection.ids)
    if selection.rows:
        found = found.filter(pk__in=selection.rows)
    named = {name: value for name, value in selection.filters.items() if name != "cause"}
    if selection.cause is not None:
        cause = selection.cause
        found = found.filter(Q(error=cause) | Q(error__startswith=f"{cause}:"))
    return found.filter(**named)
