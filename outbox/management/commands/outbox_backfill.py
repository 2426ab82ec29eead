"""manage.py outbox_backfill: events for rows that exist already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from django.db.models import Model
from psycopg.errors import InsufficientPrivilege
from tqdm import tqdm

from outbox.errors import OutboxError, RowFailed
from outbox.log import privileges
from outbox.management.backfill_options import add_options
from outbox.management.operator import OutboxCommand
from outbox.operations.backfill.calls import Calls, Failure, chosen
from outbox.operations.backfill.chunks import Backfill
from outbox.operations.backfill.pace import Pace
from outbox.operations.backfill.rows import Rows, shown
from outbox.operations.backfill.run import Run
from outbox.write.row import NewRow
from outbox_core.operations import actor
from outbox_core.operations.bulk.command import LINES
from outbox_core.operations.bulk.following import tell
from outbox_core.operations.command import at_a_terminal
from outbox_core.operations.report import Problem
from outbox_core.people.humanize import plural
from outbox_core.people.text import line
from outbox_core.process.exit_codes import INTERRUPTED, ExitCode
from outbox_core.process.stopping import stop_on_signals

ROWS_REFUSED = (
    "Grant this role SELECT and UPDATE on the table of the rows (UPDATE locks them), and SELECT on what the "
    "receivers read. Row security must not hide rows from it."
)
CONTINUE = "Run the same command with --resume to continue."


class Command(OutboxCommand):
    needs = privileges.BACKFILL
    help = (
        "Write events for the rows of a model that exist already, built by the @outbox.receiver functions of "
        "its post_save that take backfill. Each chunk locks its rows, so the events of a key stay in order "
        "while others write. Exit codes: 0 done, 1 failed or rows were skipped, 2 nothing matches or is "
        "confirmed, 130 interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_options(parser)

    def handle(self, *args: object, **options: Any) -> None:
        who = actor.of_command(options["user"])
        rows = Rows(
            model=_model(options["model"]), using=options["database"], filters=tuple(options["filter"])
        )
        calls = Calls(
            rows=rows,
            receivers=chosen(rows.model, options["receiver"]),
            created=options["created"],
        )
        run = self._run(calls, who, options)
        if run is None:
            return
        total = rows.count(run.after, run.until)
        backfill = Backfill(calls=calls, run=run, skip_failing=options["skip_failing"])
        if options["dry_run"]:
            self._preview(backfill, total)
            return
        asked = f"Write events for {plural(total, 'row')} of {run.scope}?"
        if not options["yes"] and at_a_terminal():
            self.confirm(asked)
        self._work(backfill, total, options)

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        problem = super().explain(error, options)
        cause = error.__cause__ or error
        if isinstance(cause, InsufficientPrivilege) and "outbox_" not in str(cause):
            return replace(problem, remedy=ROWS_REFUSED)
        return problem

    def _run(self, calls: Calls, who: str, options: dict[str, Any]) -> Run | None:
        """A new run or the one to continue. None if that one is complete."""
        latest = Run.latest(calls)
        if latest is not None and options["resume"]:
            if latest.is_done:
                self.say(f"Complete already: {latest.scope}. Use --restart to write the events again.")
                return None
            self.say(f"Continuing behind row {shown(latest.after)}.")
            return latest
        if latest is not None and not latest.is_done and not options["restart"] and not options["dry_run"]:
            raise CommandError(
                f"A backfill of {latest.scope} is not complete: it has stopped behind row "
                f"{shown(latest.after)}, or still runs. Use --resume to continue it, or --restart to begin "
                "again.",
                returncode=ExitCode.USAGE,
            )
        until = calls.rows.last()
        if until is None:
            raise CommandError(f"No row of {calls.rows.label} matches.", returncode=ExitCode.USAGE)
        return Run.new(calls, who, until)

    def _preview(self, backfill: Backfill, total: int) -> None:
        self.say(f"Would write events for {plural(total, 'row')} of {backfill.run.scope}:")
        for pk, found in backfill.sample(LINES):
            for each in _lines(pk, found):
                self.say(f"  {each}")
        if total > LINES:
            self.say(f"  … and {plural(total - LINES, 'more row')}.")
        self.say("Nothing was changed.")

    def _work(self, backfill: Backfill, total: int, options: dict[str, Any]) -> None:
        rows = events = skipped = 0
        with self._resumable(), stop_on_signals() as stop, self._progress(total, options) as progress:
            pace = Pace(
                using=options["database"],
                rate=options["rate"],
                max_age=options["max_pending_age"],
                stop=stop,
                tell=partial(tell, self.stderr),
            )
            size = min(options["chunk"], options["rate"])
            for piece in backfill.pieces(size, pace):
                rows, events = rows + piece.rows, events + piece.events
                skipped += len(piece.failures)
                progress.update(piece.rows)
                for failure in piece.failures:
                    tell(self.stderr, f"Skipped. {failure}")
        done = f"{plural(events, 'event')} for {plural(rows - skipped, 'row')} of {backfill.calls.rows.label}"
        if not backfill.run.is_done:
            raise CommandError(f"Stopped: wrote {done} so far. {CONTINUE}", returncode=INTERRUPTED)
        self.say(f"Wrote {done}.")
        if backfill.run.failures:
            raise CommandError(_skipped(backfill.run), returncode=ExitCode.ERROR)

    @contextmanager
    def _resumable(self) -> Iterator[None]:
        """An error says how to continue."""
        try:
            yield
        except RowFailed as error:
            message = (
                f"{error} Its chunk was rolled back; what was written before stays. Correct the row or the "
                "receiver, or add --skip-failing, and run the same command with --resume."
            )
            raise OutboxError(message) from error
        except (OutboxError, DatabaseError, InterfaceError):
            tell(self.stderr, CONTINUE)
            raise
        except KeyboardInterrupt as error:
            message = f"Interrupted: the current chunk was rolled back. {CONTINUE}"
            raise CommandError(message, returncode=INTERRUPTED) from error

    def _progress(self, total: int, options: dict[str, Any]) -> Any:
        quiet = None if options.get("verbosity", 1) else True
        return tqdm(total=total, unit="row", unit_scale=True, disable=quiet)


def _model(label: str) -> type[Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError) as error:
        message = f"There is no model {line(label, 200)}: name it as app.Model."
        raise CommandError(message, returncode=ExitCode.USAGE) from error


def _lines(pk: Any, found: list[NewRow] | Failure) -> Iterator[str]:
    if isinstance(found, Failure):
        yield str(found)
        return
    for row in found:
        yield f"Row {shown(pk)}: {row.type}, key {row.key} of {row.topic}"
    if not found:
        yield f"Row {shown(pk)}: no event"


def _skipped(run: Run) -> str:
    first = "; ".join(run.failed[:LINES])
    return line(
        f"Skipped: {plural(run.failures, 'row')}, because a receiver failed. The first: {first}. Correct "
        "them, then run the command for them: --filter pk__in=… The ledger keeps their keys.",
        2_000,
    )
