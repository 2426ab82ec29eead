"""The filters of the list of events. Each is bounded: the log may hold millions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from outbox.models import EventStatus, Hold, OutboxEvent
from outbox.models.event_queries import LIMIT, OutboxEventQuerySet
from outbox.operations import registered
from outbox.write.registry import registry
from outbox_core.people.text import line

NEWEST = 100_000
"""How many events a list searches for what has no index: topic, type, key."""
PUBLISHED = 1_000
"""How many published events of a shard a list shows."""

RECENT = 2_000
"""Newest events whose types and topics can be chosen."""
LISTED = 200

Choices = Iterable[tuple[str, str]]


def search_range(request: HttpRequest, events: OutboxEventQuerySet) -> Q:
    """The newest events, or those before ``?before=``. All events, if a status already limits the list."""
    if request.GET.get("status"):
        return Q()
    before = _before(request)
    end = events.last_id() + 1 if before is None else before
    return Q(pk__lt=end, pk__gte=end - NEWEST)


def _before(request: HttpRequest) -> int | None:
    given = request.GET.get("before", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None


class StatusFilter(admin.SimpleListFilter):
    """By status, which is computed. Each shows a few thousand at most, found by an index: see
    OutboxEventQuerySet.
    """

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


class BeforeFilter(admin.SimpleListFilter):
    """How far back to search. What has no index is searched in pieces of the log, the newest first."""

    title = "sequence"
    parameter_name = "before"

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        before = _before(request)
        if before is not None:
            yield str(before), f"the {NEWEST:,} before {before}"
        end = OutboxEvent.objects.last_id() + 1 if before is None else before
        if end > NEWEST:
            yield str(end - NEWEST), f"older: the {NEWEST:,} before {end - NEWEST}"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset if _before(request) is None else queryset.filter(search_range(request, queryset))


class TimeFilter(admin.SimpleListFilter):
    """By age, among the events that the list covers."""

    title = "created"
    parameter_name = "within"
    ages = (("5 minutes", 5), ("hour", 60), ("day", 1_440), ("week", 10_080))

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        return [(str(minutes), f"in the last {name}") for name, minutes in self.ages]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value() or ""
        if not (value.isascii() and value.isdecimal() and len(value) < 8):
            return queryset
        since = timezone.now() - timedelta(minutes=int(value))
        return queryset.filter(search_range(request, queryset), created_at__gte=since)


class ColumnFilter(ABC, admin.SimpleListFilter):
    """By a column without an index. Values that no registered event type has can be chosen, too."""

    column = ""

    def lookups(self, request: HttpRequest, model_admin: object) -> Choices:
        newest = OutboxEvent.objects.order_by("-pk").values(self.column)[:RECENT]
        found = {row[self.column] for row in newest}
        return [(name, line(name, 80)) for name in sorted(found.union(self.registered()))[:LISTED]]

    @abstractmethod
    def registered(self) -> Iterable[str]:
        """The values of registered event types."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.filter(search_range(request, queryset), **{self.column: value}) if value else queryset


class TypeFilter(ColumnFilter):
    title = parameter_name = column = "type"

    def registered(self) -> Iterable[str]:
        return (event_type.name for event_type in registry)


class TopicFilter(ColumnFilter):
    title = parameter_name = column = "topic"

    def registered(self) -> Iterable[str]:
        held = Hold.objects.order_by("topic").values_list("topic", flat=True).distinct()
        return {*registered.topics(), *held[:LISTED]}
