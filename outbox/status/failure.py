"""The status of an outbox that cannot be read."""

from __future__ import annotations

from outbox.status.report import Status
from outbox_core.operations.database_failure import explain
from outbox_core.operations.report import Problem, State


def unreadable(database: str, failure: Exception | str) -> Status:
    """A status that says nothing but why, and what to do."""
    if isinstance(failure, str):
        remedy = "Name the database that holds the outbox: --database ALIAS."
        problem = Problem(state=State.UNREADABLE, text=failure, remedy=remedy)
    else:
        problem = explain(database, "outbox", failure)
    return failed(database, problem)


def failed(database: str, problem: Problem) -> Status:
    """A status of which nothing is known but one problem."""
    return Status(database=database, state=problem.state, problems=(problem,))
