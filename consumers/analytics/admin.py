"""The admin pages of analytics: figures by day, and the log of events."""

from __future__ import annotations

from django.contrib import admin

from consumers.analytics.models import DailyFigure, EventLog


@admin.register(DailyFigure)
class DailyFigureAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("day", "type", "count", "revenue")
    list_filter = ("type",)
    date_hierarchy = "day"
    ordering = ("-day", "type")


@admin.register(EventLog)
class EventLogAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("id", "type", "key", "day", "revenue", "occurred_at")
    search_fields = ("=event_id",)
    ordering = ("-id",)
    show_full_result_count = False
