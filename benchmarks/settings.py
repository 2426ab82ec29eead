"""The shop, on a database of the benchmarks' own."""

from __future__ import annotations

from shop.settings import *  # noqa: F403
from shop.settings import DATABASES

DATABASES["default"]["NAME"] = "benchmarks"
LOGGING_CONFIG = None
