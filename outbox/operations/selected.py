"""Turns an operator's selection into holds or held events."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from outbox.models import Held, Hold
from outbox.models.hold_queries import HeldQuerySet, HoldQuerySet
from outbox_core.operations.bulk.selection import Selection

OF_HOLDS = {
    "topic": "topic",
    "cause": "reason",
    "since": "created_at__gte",
    "until": "created_at__lt",
}
OF_HELD = {
    "topic": "event__topic",
    "key": "event__key",
    "key_prefix": "event__key__startswith",
    "type": "event__type",
    "cause": "hold__reason",
    "since": "created_at__gte",
    "until": "created_at__lt",
}


def holds(selection: Selection, using: str) -> HoldQuerySet:
    """The selected holds, by hold id. A filter does not select pauses, because ``outbox_resume``
    ends them.
    """
    paused = Q(reason=Hold.Reason.PAUSED)
    found = Hold.objects.using(using).filter(Q(pk__in=selection.ids) if selection.ids else ~paused)
    found = found.filter(**selection.conditions(OF_HOLDS))
    if selection.key is not None:
        found = found.filter(Q(key=selection.key) | Q(event__key=selection.key))
    if selection.key_prefix is not None:
        prefix = selection.key_prefix
        found = found.filter(Q(key__startswith=prefix) | Q(event__key__startswith=prefix))
    if selection.type is not None:
        behind = Held.objects.using(using).waiting().filter(hold=OuterRef("pk"), event__type=selection.type)
        found = found.filter(Exists(behind))
    return found


def held(selection: Selection, using: str) -> HeldQuerySet:
    """The selected held events, by event id."""
    named = selection.conditions(OF_HELD)
    if selection.ids:
        named["event__event_id__in"] = selection.ids
    if selection.rows:
        named["hold__in"] = selection.rows
    return Held.objects.using(using).waiting().filter(**named)
