"""The status of an event. It is not stored: it follows from the position of the shard and from the holds."""

from __future__ import annotations

from django.apps import apps
from django.db import models
from django.db.models import Case, F, Func, OuterRef, Q, Subquery, Value, When
from django.db.models.expressions import Combinable


class EventStatus(models.TextChoices):
    """``discarded`` is a held event that a person gave up: it is never published."""

    PENDING = "pending", "pending"
    PUBLISHED = "published", "published"
    HELD = "held", "held"
    DISCARDED = "discarded", "discarded"


class VisibleIn(Func):
    """``pg_visible_in_snapshot(xid8, pg_snapshot)``."""

    function = "pg_visible_in_snapshot"
    output_field = models.BooleanField()


def event_status() -> Combinable:
    """The ``EventStatus`` of a row of ``outbox_event``, as one SQL expression."""
    return Case(
        When(held__discarded_at__isnull=False, then=Value(EventStatus.DISCARDED)),
        When(held__isnull=False, then=Value(EventStatus.HELD)),
        When(Q(_is_covered()), then=Value(EventStatus.PUBLISHED)),
        default=Value(EventStatus.PENDING),
        output_field=models.TextField(),
    )


def _is_covered() -> Subquery:
    """Whether the position of the event's shard covers it. NULL if the shard has no position yet."""
    event = OuterRef("pk"), OuterRef("xid")
    visible_in_lo = Q(VisibleIn(event[1], F("lo"), output_field=models.BooleanField()))
    behind_pos = Q(pos__gte=event[0]) & Q(VisibleIn(event[1], F("hi")))
    position = apps.get_model("outbox", "Position").objects.filter(
        lo__isnull=False, first_bucket__lte=OuterRef("bucket"), last_bucket__gte=OuterRef("bucket")
    )
    covered = Case(When(visible_in_lo | behind_pos, then=True), default=False)
    return Subquery(position.values(covered=covered)[:1], output_field=models.BooleanField())
