"""How rows reach the log: one by INSERT … VALUES, some by INSERT … SELECT, many by COPY."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.pq import PipelineStatus

from outbox.log import tables
from outbox.write import transactions
from outbox.write.copy_format import in_pieces
from outbox.write.statements import COPY_EVENTS, INSERT_EVENT, INSERT_EVENTS, ROW_SECURITY

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from outbox.write.row import NewRow

MANY = 50
"""From here on COPY is faster, also where its two more round trips take a millisecond (decision 8)."""


def write(connection: BaseDatabaseWrapper, new_rows: Sequence[NewRow]) -> None:
    """Write rows in their order; their ids are in the same order."""
    if len(new_rows) == 1:
        transactions.execute(connection, tables.qualified(INSERT_EVENT), new_rows[0].columns())
    elif len(new_rows) >= MANY and can_copy(connection):
        transactions.copy(connection, tables.qualified(COPY_EVENTS), in_pieces(new_rows))
    else:
        columns = [list(column) for column in zip(*(new_row.columns() for new_row in new_rows), strict=True)]
        transactions.execute(connection, tables.qualified(INSERT_EVENTS), columns)


def can_copy(connection: BaseDatabaseWrapper) -> bool:
    """Whether COPY works here. PostgreSQL refuses it to a role that has row level security, psycopg in a
    pipeline, and a cursor of another kind may have none. A refusal would end the caller's transaction.
    """
    return _has_copy(connection) and not _has_row_security(connection)


def _has_copy(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        has_copy = getattr(cursor, "copy", None) is not None
    info: Any = getattr(connection.connection, "info", None)
    return (
        has_copy
        and getattr(info, "encoding", "") == "utf-8"
        and getattr(info, "pipeline_status", None) == PipelineStatus.OFF
    )


def _has_row_security(connection: BaseDatabaseWrapper) -> bool:
    """Asked each time: SET ROLE and ALTER TABLE change the answer."""
    table = f"{tables.qualifier()}outbox_event"
    ((active,),) = transactions.execute(connection, ROW_SECURITY, [table], returns=True)
    return bool(active)
