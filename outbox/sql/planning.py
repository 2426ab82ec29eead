"""Makes the planner use the indexes, even with wrong statistics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from outbox_core.database import BY_INDEX, pinned


@contextmanager
def by_index(using: str, **settings: str) -> Iterator[None]:
    """Only read inside this: it ends with a rollback, even inside an open transaction.

    ``settings`` are further ones of PostgreSQL, such as ``statement_timeout``.
    """
    with pinned(using, BY_INDEX | settings, undo=True):
        yield
