"""The Django app of analytics."""

from __future__ import annotations

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "consumers.analytics"
    verbose_name = "Analytics"
