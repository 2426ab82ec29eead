"""Turns a database error into a problem with a remedy."""

from __future__ import annotations

from psycopg import DataError, IntegrityError, ProgrammingError
from psycopg.errors import (
    DeadlockDetected,
    FeatureNotSupported,
    InsufficientPrivilege,
    QueryCanceled,
    ReadOnlySqlTransaction,
    SerializationFailure,
    UndefinedColumn,
    UndefinedTable,
)

from outbox_core.operations.report import Problem, State
from outbox_core.operations.runbook import Runbook
from outbox_core.people.failure import without_rows


def explain(database: str, app: str, failure: BaseException) -> Problem:
    """The problem behind an error of Django or psycopg; ``app`` owns the tables."""
    cause = failure.__cause__ or failure
    said = without_rows(str(cause).strip().partition("\n")[0]).rstrip(".") or type(cause).__name__
    state, text, remedy = _explained(cause, database, app)
    page = Runbook.NOT_MIGRATED if state is State.NOT_MIGRATED else Runbook.UNREADABLE
    text = f"Database {database!r} {text}: {said}."
    return Problem(state=state, text=text, remedy=remedy, runbook=page.url)


def _explained(cause: BaseException, database: str, app: str) -> tuple[State, str, str]:
    if isinstance(cause, UndefinedTable | UndefinedColumn):
        remedy = f"Run `manage.py migrate {app} --database {database}`."
        return State.NOT_MIGRATED, f"does not have all tables of the {app}", remedy
    if isinstance(cause, InsufficientPrivilege):
        remedy = (
            "Grant this role the missing privilege on the table that is named: SELECT to read, "
            "also INSERT and UPDATE to release, discard or pause."
        )
        return State.UNREADABLE, "refuses", remedy
    if isinstance(cause, ReadOnlySqlTransaction | FeatureNotSupported):  # "… during recovery"
        remedy = "It is a standby, or default_transaction_read_only is on: this needs the primary."
        return State.UNREADABLE, "takes no changes", remedy
    if isinstance(cause, DeadlockDetected | SerializationFailure):
        return State.UNREADABLE, "rolled the command back", "Run it again."
    if isinstance(cause, QueryCanceled):
        remedy = "The server is overloaded, or the tables are locked: see pg_stat_activity."
        return State.UNREADABLE, "did not answer in time", remedy
    if isinstance(cause, DataError | IntegrityError | ProgrammingError):
        return (
            State.UNREADABLE,
            "refuses a statement",
            "Check the options; PostgreSQL's log has the statement.",
        )
    remedy = (
        f"Check that PostgreSQL runs, and that DATABASES[{database!r}] has its address and a valid login."
    )
    return State.UNREADABLE, "does not answer", remedy
