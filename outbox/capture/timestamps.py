"""Reads the timestamps of a row that was just written. Django's loader for timestamptz is written in Python,
and takes more time for one value than psycopg takes for all other columns of a row.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from psycopg.adapt import Loader
from psycopg.postgres import types
from psycopg.pq import Format

_TIMESTAMPTZ = types["timestamptz"].oid


def load_fast(cursor: Any) -> None:
    """Make a cursor load timestamps of UTC with ``datetime.fromisoformat``. A cursor of another time zone, or
    with a loader that is not Django's, is left as it is.
    """
    adapters: Any = getattr(cursor, "adapters", None)
    usual = adapters.get_loader(_TIMESTAMPTZ, Format.TEXT) if adapters is not None else None
    if getattr(usual, "timezone", None) is UTC and usual.__module__.startswith("django."):
        adapters.register_loader(_TIMESTAMPTZ, _fast(usual))


@cache
def _fast(usual: type[Loader]) -> type[Loader]:
    """A loader with the results of ``usual``. It reads ISO times of UTC itself, and no others."""

    class UtcLoader(Loader):
        def load(self, data: Any) -> Any:
            try:
                value = datetime.fromisoformat(str(data, "ascii"))
            except ValueError:
                value = None
            if value is not None and value.tzinfo is UTC:
                return value
            return usual(self.oid, self.connection).load(data)

    return UtcLoader
