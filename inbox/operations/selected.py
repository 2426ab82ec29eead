"""Turns an operator's selection into held events, and shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from inbox.models import HeldEvent
from inbox.models.held import cause_of
from inbox.models.held_queries import HeldEventQuerySet
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import OfRows, Order

COLUMNS = {
    "consumer": "consumer",
    "topic": "topic",
    "key": "key",
    "key_prefix": "key__startswith",
    "type": "type",
    "since": "held_at__gte",
    "until": "held_at__lt",
}


class OfHeldEvents(OfRows):
    """A verb whose rows are held events, which are selected by event id."""

    noun, id_name = "event", "event"

    def table(self, using: str) -> HeldEventQuerySet:
        return HeldEvent.objects.using(using).all()

    def chosen(self, order: Order, using: str) -> HeldEventQuerySet:
        return held(order.selection, using)

    def parse_id(self, text: str) -> str:
        return text

    def lines(self, rows: Any, *, errors: bool = True) -> Iterator[str]:
        for each in rows.defer("record"):
            error = each.error if errors else cause_of(each.error)
            why = error or "waits behind its key"
            what = f"event {each.event_id} ({each.type}), key {each.key} of {each.topic}"
            yield f"{each.consumer}: {what}: {why}"


def held(selection: Selection, using: str) -> HeldEventQuerySet:
    """The held events that it means. The cause is the type of the error: ``ValueError``."""
    found = HeldEvent.objects.using(using).waiting()
    if selection.ids:
        found = found.filter(event_id__in=selection.ids)
    if selection.rows:
        found = found.filter(pk__in=selection.rows)
    if selection.cause is not None:
        cause = selection.cause
        found = found.filter(Q(error=cause) | Q(error__startswith=f"{cause}:"))
    return found.filter(**selection.conditions(COLUMNS))
