"""Questions about the transaction of a database connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from psycopg.pq import TransactionStatus

from outbox.errors import TransactionRequired

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def is_open(connection: BaseDatabaseWrapper) -> bool:
    """Whether a transaction is open: inside atomic(), or with autocommit off."""
    return connection.in_atomic_block or not connection.get_autocommit()


def is_only_of_test(connection: BaseDatabaseWrapper) -> bool:
    """Whether all that is open is the transaction of a ``TestCase``: in production nothing would be."""
    blocks: Sequence[Any] = connection.atomic_blocks
    return bool(blocks) and all(block._from_testcase for block in blocks)


def is_doomed(connection: BaseDatabaseWrapper) -> bool:
    """Whether the transaction can only roll back. Django knows errors that passed through the ORM. After an
    error on a plain cursor only PostgreSQL knows, and it answers COMMIT with ROLLBACK without an error.
    """
    if connection.needs_rollback:
        return True
    raw = connection.connection
    return connection.vendor == "postgresql" and raw.info.transaction_status == TransactionStatus.INERROR


def execute(
    connection: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any], *, returns: bool = False
) -> list[Any]:
    """Run a statement of the outbox and return its rows; if it fails, the transaction cannot commit."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if returns else []
    except Exception:
        with transaction.mark_for_rollback_on_error(using=connection.alias):
            raise


def copy(connection: BaseDatabaseWrapper, statement: str, data: Iterable[bytes]) -> None:
    """Run a ``COPY … FROM STDIN`` of the outbox; if it fails, the transaction cannot commit.

    Django's cursor has no COPY of its own. So this does what its ``execute`` does: wrappers of
    ``connection.execute_wrapper()`` see the statement, and errors are Django's.
    """

    def run(sql: str, *_: object) -> None:
        with connection.wrap_database_errors, cursor.copy(sql) as copying:
            for piece in data:
                copying.write(piece)

    try:
        connection.validate_no_broken_transaction()
        with connection.cursor() as cursor:
            context = {"connection": connection, "cursor": cursor}
            _wrapped(connection, run)(statement, None, False, context)
    except Exception:
        with transaction.mark_for_rollback_on_error(using=connection.alias):
            raise


def _wrapped(connection: BaseDatabaseWrapper, run: Callable[..., None]) -> Callable[..., None]:
    for wrapper in reversed(connection.execute_wrappers):
        run = partial(wrapper, run)
    return run


def require(connection: BaseDatabaseWrapper) -> None:
    """Raise TransactionRequired outside a transaction."""
    if not is_open(connection):
        alias = connection.alias
        raise TransactionRequired(
            f"An event was emitted outside a transaction of database {alias!r}, so a crash could "
            "separate it from its change. Put both into one "
            f"`with transaction.atomic(using={alias!r}):`.{_open_elsewhere()}"
        )


def _open_elsewhere() -> str:
    for other in connections.all(initialized_only=True):
        if other.in_atomic_block:
            return f" (One is open on {other.alias!r}: to write the event there, pass using={other.alias!r}.)"
    return ""
