"""The app that has the handlers."""

from __future__ import annotations

from django.apps import AppConfig


class Consuming(AppConfig):
    name = "benchmarks.consuming"
