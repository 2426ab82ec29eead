from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from outbox import topics
from outbox.events import registry
from outbox.models import EventStatus
from outbox.models.event_queries import LIMIT, OutboxEventQuerySet

NEWEST = 100_000
"""How far back a list looks for what has no index: topic, type, key."""
PUBLISHED = 1_000
"""How many published events of a shard a list shows."""

Choices = Iterable[tuple[str, str]]


def reach(request: HttpRequest, events: OutboxEventQuerySet) -> Q:
    """The newest events; everything, where the list is already bounded by a status."""
    return Q() if request.GET.get("status") else Q(pk__gt=events.last_id() - NEWEST)


class StatusFilter(admin.SimpleListFilter):
    """By derived status. Each shows some thousands at most, found by an index: see OutboxEventQuerySet."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        bounds = {
            EventStatus.PENDING: f" (the next {LIMIT:,})",
            EventStatus.PUBLISHED: f" (the last {PUBLISHED:,})",
        }
        return [(status, status.label + bounds.get(status, "")) for status in EventStatus]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        by_status = {
            EventStatus.PENDING: queryset.pending,
            EventStatus.PUBLISHED: partial(queryset.published, PUBLISHED),
            EventStatus.HELD: queryset.held,
            EventStatus.DISCARDED: queryset.discarded,
        }
        chosen = self.value()
        return by_status[EventStatus(chosen)]() if chosen in EventStatus.values else queryset


class TypeFilter(admin.SimpleListFilter):
    """By registered event type."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        return [(name, name) for name in sorted(event_type.name for event_type in registry)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.filter(reach(request, queryset), type=value) if value else queryset


class TopicFilter(admin.SimpleListFilter):
    """By topic of a registered event type."""

    title = "topic"
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        return [(name, name) for name in topics.registered()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.filter(reach(request, queryset), topic=value) if value else queryset
