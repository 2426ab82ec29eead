"""The database of the inbox: what the inbox requires of it, and what to do with a broken connection."""

from __future__ import annotations

from django.apps import apps
from django.db import DatabaseError, InterfaceError, connections, transaction

from inbox.errors import HandlerFailed, MigrationsMissing, RowsHidden, WrongIsolation
from outbox_core.migrations import listed, unapplied

UNAVAILABLE = (DatabaseError, InterfaceError)
"""What a statement raises when the database does not answer, or refuses it."""
READ_COMMITTED = "read committed"
_HIDDEN = """
    SELECT quote_ident(name), quote_ident(current_user) FROM unnest(%s::text[]) AS name
    WHERE row_security_active(to_regclass(quote_ident(name))) ORDER BY name
"""


def require_migrations(database: str) -> None:
    """Raise unless every migration of the installed apps is applied to ``database``.

    Raises:
        MigrationsMissing: the message names them and the command that applies them.
    """
    missing = unapplied(database)
    if missing:
        raise MigrationsMissing(
            f"database {database!r} has unapplied migrations: {listed(missing)}. Run: manage.py migrate"
        )


def require_read_committed(database: str) -> None:
    """Raise WrongIsolation unless ``database`` runs transactions as READ COMMITTED."""
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        (level,) = cursor.fetchone()
    if level != READ_COMMITTED:
        raise WrongIsolation(database, level)


def tables() -> list[str]:
    """Those of the inbox."""
    return [model._meta.db_table for model in apps.get_app_config("inbox").get_models()]


def require_all_rows(database: str) -> None:
    """Raise RowsHidden if row level security hides rows of the inbox."""
    with connections[database].cursor() as cursor:
        cursor.execute(_HIDDEN, [tables()])
        for table, role in cursor.fetchall():
            raise RowsHidden(table, role)


def reconnect(database: str, error: Exception) -> None:
    """After an error: close a broken connection, so that the next query connects again. If no handler failed,
    but a statement of the inbox itself, a session that answers is given up, too: the statement may fail in
    that session only, on a server that is a standby since a failover, or with what a function has set in it.
    """
    connection = connections[database]
    if connection.in_atomic_block:
        return
    if isinstance(error, HandlerFailed):
        connection.close_if_unusable_or_obsolete()
    else:
        connection.close()
