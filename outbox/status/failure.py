"""The status of an outbox that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import DatabaseError, InterfaceError
from psycopg.errors import (
    DeadlockDetected,
    InsufficientPrivilege,
    QueryCanceled,
    ReadOnlySqlTransaction,
    SerializationFailure,
    UndefinedColumn,
    UndefinedTable,
)

from outbox.errors import LogUnsafe
from outbox.log import privileges, proof
from outbox.status.report import Problem, State, Status


def unreadable(
    database: str, failure: Exception | str, needs: Mapping[str, str] = privileges.STATUS
) -> Status:
    """A status that says nothing but why, and what to do. ``needs``: what the role must be allowed."""
    problem = _problem(database, failure, needs)
    return Status(database=database, state=problem.state, problems=(problem,))


def refused(error: LogUnsafe) -> Problem:
    """Why no relay publishes until a person has acted."""
    return Problem(state=State.REFUSED, text=error.text, remedy=error.remedy)


def _problem(database: str, failure: Exception | str, needs: Mapping[str, str]) -> Problem:
    if isinstance(failure, LogUnsafe):
        return refused(failure)
    if isinstance(failure, str):
        return _unreadable(failure, "Name the database that holds the outbox: --database ALIAS.")
    cause = failure.__cause__ or failure
    said = str(cause).strip().partition("\n")[0]
    if isinstance(cause, UndefinedTable | UndefinedColumn):
        return Problem(
            state=State.NOT_MIGRATED,
            text=f"Database {database!r} lacks tables of the outbox: {said}.",
            remedy=f"Run `manage.py migrate outbox --database {database}`.",
        )
    if isinstance(cause, InsufficientPrivilege):
        return _unreadable(f"Database {database!r} refuses: {said}.", _grants(database, needs))
    if isinstance(cause, ReadOnlySqlTransaction):
        return _unreadable(
            f"Database {database!r} takes no changes: {said}.",
            "It is a standby, or default_transaction_read_only is on: this needs the primary.",
        )
    if isinstance(cause, DeadlockDetected | SerializationFailure):
        return _unreadable(
            f"Database {database!r} has undone it: {said}.", "Nothing was changed: run it again."
        )
    if isinstance(cause, QueryCanceled):
        return _unreadable(
            f"Database {database!r} did not answer in time: {said}.",
            "The server is overloaded, or the tables are locked: see pg_stat_activity.",
        )
    return _unreadable(
        f"Database {database!r} does not answer: {said}.",
        f"See that PostgreSQL runs, and that DATABASES[{database!r}] has its address and a valid login.",
    )


def _grants(database: str, needs: Mapping[str, str]) -> str:
    """The statements that give the role of a database what it lacks."""
    try:
        found = proof.facts(proof.through(database), needs)
    except (DatabaseError, InterfaceError):  # within a transaction that the refusal has ended
        found = None
    remedies = [refusal.remedy for refusal in proof.blind(found)] if found else []
    return " ".join(remedies) or "See docs/how-to/roles.md for the privileges that each role needs."


def _unreadable(text: str, remedy: str) -> Problem:
    return Problem(state=State.UNREADABLE, text=text, remedy=remedy)
