"""Holding the planner to the indexes, whatever the statistics make it believe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

BY_INDEX = {"enable_seqscan": "off", "enable_bitmapscan": "off", "jit": "off"}


@contextmanager
def by_index(using: str, **settings: str) -> Iterator[None]:
    """Read within this, and only read: it ends in a rollback, even when a transaction is open around it.

    Stale statistics, or those of a table that one transaction has filled, may suggest to read millions of
    rows in search of a few. ``settings`` are further ones of PostgreSQL, such as ``statement_timeout``.
    """
    with transaction.atomic(using=using):
        calls = ", ".join(
            f"set_config('{name}', '{value}', true)" for name, value in (BY_INDEX | settings).items()
        )
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT {calls}")
        yield
        # The rollback of a savepoint, unlike its release, takes the settings back.
        transaction.set_rollback(True, using=using)
