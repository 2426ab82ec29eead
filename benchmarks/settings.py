"""The shop, on a database of the benchmarks' own."""

from __future__ import annotations

import os

from shop.settings import *  # noqa: F403
from shop.settings import DATABASES, KAFKA

DATABASES["default"]["NAME"] = "benchmarks"
KAFKA |= {"BACKEND": os.environ["KAFKA_BACKEND"]}  # type: ignore[dict-item]
LOGGING_CONFIG = None
RELAY = {"CONTENT_MODE": os.environ.get("CONTENT_MODE", "binary")}
