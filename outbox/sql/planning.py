"""Holding the planner to the indexes, whatever the statistics make it believe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from outbox_core.database import BY_INDEX, pinned


@contextmanager
def by_index(using: str, **settings: str) -> Iterator[None]:
    """Read within this, and only read: it ends in a rollback, even when a transaction is open around it.

    ``settings`` are further ones of PostgreSQL, such as ``statement_timeout``.
    """
    with pinned(using, BY_INDEX | settings, undo=True):
        yield
