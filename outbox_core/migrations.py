"""Which migrations a database lacks."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor


def unapplied(database: str, app: str | None = None) -> list[Migration]:
    """The migrations of an app, or of all apps, that are not applied to a database, in their order."""
    executor = MigrationExecutor(connections[database])
    targets = [node for node in executor.loader.graph.leaf_nodes() if app in (None, node[0])]
    plan = executor.migration_plan(targets)
    return [migration for migration, _ in plan if app in (None, migration.app_label)]


def listed(migrations: Sequence[Migration]) -> str:
    """The names of the first five, and how many more there are."""
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration in migrations[:5])
    more = len(migrations) - 5
    return f"{names} and {more} more" if more > 0 else names
