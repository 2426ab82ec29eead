"""Which database a page of the admin shows."""

from __future__ import annotations

from django.db import connections, router
from django.http import Http404

from outbox.models import Hold


def home() -> str:
    """The database whose events and holds the admin lists."""
    return router.db_for_read(Hold)


def choices() -> list[str]:
    """The databases that may hold an outbox of their own."""
    return [
        alias
        for alias in connections
        if connections[alias].vendor == "postgresql" and router.allow_migrate_model(alias, Hold)
    ]


def chosen(alias: str | None) -> str:
    """The database that a request names; raises Http404 for one that cannot hold an outbox."""
    if alias is None or alias == home():
        return home()
    if alias not in choices():
        raise Http404(f"There is no outbox in database {alias!r}.")
    return alias
