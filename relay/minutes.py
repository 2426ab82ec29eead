"""Writes one row a minute for the plots, and deletes old ones."""

from __future__ import annotations

from datetime import timedelta

from django.db import connections
from django.db.models.functions import Now

from outbox.models import Minute, Statistics
from outbox.status import history
from outbox_core.database import BY_INDEX, pinned

STATEMENT_TIMEOUT = "10s"


def write(alias: str) -> bool:
    """Write the row of this minute. Returns False if another relay has. Raises errors of the database."""
    settings = BY_INDEX | {"statement_timeout": STATEMENT_TIMEOUT}
    with pinned(alias, settings), connections[alias].cursor() as cursor:
        cursor.execute(history.this_minute())
        if not cursor.rowcount:
            return False
    keep = Now() - timedelta(days=history.KEEP_DAYS)
    for rows in (Minute.objects, Statistics.objects):
        rows.using(alias).filter(minute__lt=keep).delete()
    return True
