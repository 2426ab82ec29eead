"""An operation in words, the same on the pages and in the commands."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from outbox_core.operations.bulk.model import CARRIED_SECONDS, BulkOperation, State
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.verb import Verb
from outbox_core.people.humanize import amount, duration, plural
from outbox_core.people.text import line


def counts(row: BulkOperation) -> str:
    """``1,000 of 25,000 done, 3 skipped``"""
    of = amount(row.planned, capped=row.planned_capped)
    skipped = f", {amount(row.skipped)} skipped" if row.skipped else ""
    return f"{amount(row.done)} of {of} done{skipped}"


def percent(row: BulkOperation) -> int:
    """From 0 to 100; 100 only at the end."""
    return 100 if row.state == State.DONE else min(99, int(row.fraction * 100))


def state(row: BulkOperation, operations: Operations) -> str:
    """``running``, or with what a person should look at ``done, 2 differences``"""
    concern = operations.verb(row).concern(row)
    return f"{row.state}, {concern.words}" if concern else str(row.state)


def tone(row: BulkOperation, operations: Operations) -> str:
    """How a page shows the state: ``warning`` or ``critical`` if a person should look, otherwise as it is."""
    concern = operations.verb(row).concern(row)
    if concern is None or row.state == State.FAILED:
        return str(row.state)
    return concern.state.exit_code.name.lower()


def is_alone(row: BulkOperation) -> bool:
    """Whether nobody carries it out, although it could be."""
    waits = (timezone.now() - row.due_at).total_seconds()
    return bool(row.state == State.RUNNING and waits > CARRIED_SECONDS)


def why(row: BulkOperation, operations: Operations, *, errors: bool = False) -> str:
    """Its error. ``errors``: also a text that can have data of rows; otherwise only the type of such an
    error.
    """
    hidden = operations.verb(row).quotes_rows and not errors
    return line(row.error.partition(":")[0] if hidden else row.error, 500)


def progress(row: BulkOperation, operations: Operations, *, errors: bool = False) -> str:
    """The state in a sentence, with what to do, and how far it has come. ``errors`` as for ``why``."""
    verb = operations.verb(row)
    if row.state == State.DONE:
        return " ".join(verb.outcome(row.done, row.events, row.skipped))
    place = verb.place(row)
    return _state(row, operations, errors=errors) + (f" It has come to {place}." if place else "")


def _state(row: BulkOperation, operations: Operations, *, errors: bool) -> str:
    error = why(row, operations, errors=errors)
    if row.state == State.FAILED:
        return f"Failed: {error} What was done stays. Remove the cause and resume it."
    if row.state == State.PAUSED:
        return f"Paused by {line(row.changed_by)}. Resume it to continue."
    if row.state == State.CANCELLED:
        return f"Cancelled by {line(row.changed_by)}. What was done stays."
    if row.error:
        return f"Will be tried again: {error}"
    if is_alone(row):
        run = f"{operations.command(row)} --resume"
        return f"No process carries it out. Start one ({operations.process}), or run {run}."
    if row.seconds_left is None:
        return f"Running. {operations.verb(row).meanwhile(row)}".strip()
    return f"Running; about {duration(row.seconds_left)} left."


def so_far(row: BulkOperation, verb: Verb) -> Iterator[str]:
    """What a request did, and who does the rest."""
    if row.state == State.DONE:
        yield from verb.outcome(row.done, row.events, row.skipped)
    else:
        noun = plural(row.planned, verb.noun, capped=row.planned_capped)
        yield f"{verb.past} {amount(row.done)} of {noun} so far. Operation {row.pk} does the rest."
