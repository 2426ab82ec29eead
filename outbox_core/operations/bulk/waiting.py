"""Operations that do not continue by themselves, as problems of a status, with their remedies."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from outbox_core.operations.bulk.model import BulkOperation, State
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.words import counts, why
from outbox_core.operations.report import Problem
from outbox_core.operations.report import State as Status
from outbox_core.operations.runbook import Runbook
from outbox_core.people.humanize import duration
from outbox_core.people.text import line

MOST = 5
"""The most operations that a status names."""


def problems(operations: Operations, using: str) -> Iterator[Problem]:
    """Those that wait for a person, or for a process that carries them out."""
    for row in operations.rows(using).waiting()[:MOST]:
        yield _alone(row, operations) if row.state == State.RUNNING else _stopped(row, operations)


def _alone(row: BulkOperation, operations: Operations) -> Problem:
    waits = duration(max(0.0, (timezone.now() - row.due_at).total_seconds()))
    return Problem(
        state=Status.DEGRADED,
        text=f"No process has carried out operation {_named(row)} for {waits}: {counts(row)}.",
        remedy=f"Nothing is lost. Start one: `{operations.process}`. "
        f"Or carry it out at once: `{operations.command(row)} --resume`.",
        runbook=Runbook.OPERATION_WAITS.url,
    )


def _stopped(row: BulkOperation, operations: Operations) -> Problem:
    failed = row.state == State.FAILED
    state = f"has failed: {why(row, operations)}" if failed else f"is paused by {line(row.changed_by, 200)}"
    run = operations.command(row)
    return Problem(
        state=Status.HELD,
        text=f"Operation {_named(row)} {state}; {counts(row)}.",
        remedy=f"{'Remove the cause. Then continue' if failed else 'Continue'} it: `{run} --resume`, "
        f"or end it: `{run} --cancel`. What was done stays done.",
        runbook=Runbook.OPERATION_WAITS.url,
    )


def _named(row: BulkOperation) -> str:
    return f"{row.pk} ({row.verb} {line(row.scope, 200)})"
