"""The status of an outbox that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.db import DatabaseError, InterfaceError, connections
from psycopg.errors import InsufficientPrivilege

from outbox.conf import settings
from outbox.errors import LogUnsafe
from outbox.log import privileges, proof, tables
from outbox.status.report import Status
from outbox_core.grants import grants
from outbox_core.operations.database_failure import explain
from outbox_core.operations.report import Problem, State
from outbox_core.operations.runbook import Runbook


def unreadable(
    database: str, failure: Exception | str, needs: Mapping[str, str] = privileges.STATUS
) -> Status:
    """A status with one problem and its remedy. ``needs`` are the privileges of the role."""
    if isinstance(failure, str):
        remedy = "Name the database of the outbox: --database ALIAS."
        page = Runbook.UNREADABLE.url
        problem = Problem(state=State.UNREADABLE, text=failure, remedy=remedy, runbook=page)
        return failed(database, problem)
    return failed(database, problem_of(database, failure, needs))


def failed(database: str, problem: Problem) -> Status:
    """A status with one problem and no figures."""
    return Status(database=database, state=problem.state, problems=(problem,))


def problem_of(database: str, failure: BaseException, needs: Mapping[str, str]) -> Problem:
    """The problem behind an error; for a missing privilege the remedy is the statement that grants it."""
    if isinstance(failure, LogUnsafe):
        return refused(failure)
    problem = explain(database, "outbox", failure)
    if isinstance(failure.__cause__ or failure, InsufficientPrivilege):
        return replace(problem, remedy=_grants(database, needs))
    if problem.state is State.NOT_MIGRATED:
        remedy = tables.remedy(database)
        return replace(problem, remedy=f"{remedy[0].upper()}{remedy[1:]}.")
    return problem


def refused(error: LogUnsafe) -> Problem:
    """Why no relay publishes until a person acts."""
    page = Runbook.REFUSED.url
    return Problem(state=State.REFUSED, text=error.text, remedy=error.remedy, runbook=page)


def _grants(database: str, needs: Mapping[str, str]) -> str:
    """The statements that grant the missing privileges; where those are unknown, all that are needed."""
    try:
        found = proof.facts(proof.through(database), needs)
    except (DatabaseError, InterfaceError):  # in a transaction that the refusal ended
        found = None
    remedies = [refusal.remedy for refusal in proof.blind(found)] if found else []
    if remedies:
        return " ".join(remedies)
    schema, role = settings().schema or "public", connections[database].settings_dict["USER"]
    return grants(list(zip(*privileges.pairs(needs), strict=True)), schema, role)
