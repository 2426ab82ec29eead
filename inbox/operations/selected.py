"""Turns an operator's selection into held events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db.models import Q

from inbox.models import HeldEvent
from inbox.models.held_queries import HeldEventQuerySet
from outbox_core.operations import bulk
from outbox_core.operations.bulk import CHUNK, Step
from outbox_core.operations.ledger import OpenEntry
from outbox_core.operations.selection import Selection


def steps(
    chosen: HeldEventQuerySet, change: Callable[[HeldEventQuerySet], int], entry: OpenEntry, using: str
) -> Iterator[Step]:
    """Change the chosen events chunk by chunk. ``change`` returns how many events it changed."""

    def chunk(after: int) -> Step:
        ids = list(chosen.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        done = change(HeldEvent.objects.using(using).filter(pk__in=ids)) if ids else 0
        return Step(done=done, events=done, after=ids[-1] if len(ids) == CHUNK else None)

    return bulk.steps(chunk, entry, using)


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
