"""The Django app of the torture suite for consumers."""

from __future__ import annotations

from django.apps import AppConfig


class TortureConfig(AppConfig):
    name = "tests.torture.inbox"
    label = "torture"
