"""Turns an operator's selection into holds or held events."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from outbox.models import Held, Hold
from outbox.models.hold_queries import HeldQuerySet, HoldQuerySet
from outbox_core.operations.selection import Selection


def holds(selection: Selection, using: str) -> HoldQuerySet:
    """The selected holds, by hold id. A filter does not select pauses, because ``outbox_resume``
    ends them.
    """
    found = Hold.objects.using(using).all()
    paused = Q(reason=Hold.Reason.PAUSED)
    found = found.filter(Q(pk__in=selection.ids) if selection.ids else ~paused)
    if selection.topic is not None:
        found = found.filter(topic=selection.topic)
    if selection.cause is not None:
        found = found.filter(reason=selection.cause)
    if selection.key is not None:
        found = found.filter(Q(key=selection.key) | Q(event__key=selection.key))
    if selection.type is not None:
        behind = Held.objects.using(using).waiting().filter(hold=OuterRef("pk"), event__type=selection.type)
        found = found.filter(Exists(behind))
    return found


def held(selection: Selection, using: str) -> HeldQuerySet:
    """The selected held events, by event id."""
    conditions = {"event__event_id__in": selection.ids} if selection.ids else {}
    columns = {"topic": "event__topic", "key": "event__key", "type": "event__type", "cause": "hold__reason"}
    named = {columns[name]: value for name, value in selection.filters.items()}
    return Held.objects.using(using).waiting().filter(**conditions, **named)
