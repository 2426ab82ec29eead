"""A service with one consumer for each way to write a handler, each with a topic of its own."""

from __future__ import annotations

import os

from benchmarks.settings import DATABASES, KAFKA

SECRET_KEY = "of benchmarks"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "inbox", "benchmarks.consuming"]
USE_TZ = True
LOGGING_CONFIG = None
DATABASES["default"]["NAME"] = "consuming"
KAFKA |= {"OPTIONS": {**KAFKA["OPTIONS"], "fetch_min_bytes": 16_384}}
INBOX = {
    "CONSUMERS": {name: {"TOPICS": [name]} for name in os.environ.get("BENCHMARK_TOPICS", "").split()},
}
