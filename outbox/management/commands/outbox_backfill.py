"""manage.py outbox_backfill: events for rows that exist already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.db.models import Model
from psycopg.errors import InsufficientPrivilege

from outbox.errors import RowFailed
from outbox.log import privileges
from outbox.management.backfill_options import add_options
from outbox.management.bulk import OutboxFollowing
from outbox.models import Operation
from outbox.operations.backfill import run
from outbox.operations.backfill.calls import Calls, Failure, chosen
from outbox.operations.backfill.chunks import Chunks
from outbox.operations.backfill.rows import Rows, shown
from outbox.write.row import NewRow
from outbox_core.operations import actor
from outbox_core.operations.bulk.command import LINES
from outbox_core.operations.bulk.following import tell
from outbox_core.operations.bulk.model import OPEN, BulkOperation, State
from outbox_core.operations.bulk.verb import Order
from outbox_core.operations.bulk.words import state
from outbox_core.operations.command import at_a_terminal
from outbox_core.operations.report import Problem
from outbox_core.people.humanize import plural
from outbox_core.people.text import line
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.stopping import stop_on_signals

ROWS_REFUSED = (
    "Grant this role SELECT and UPDATE on the table of the rows (UPDATE locks them), and SELECT on what the "
    "receivers read. Row security must not hide rows from it."
)
CONTINUE = "Run the same command with --resume to continue."


class Command(OutboxFollowing):
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
        earlier = self._earlier(calls, options)
        if earlier is not None and earlier.state == State.DONE:
            is_ = f" ({state(earlier, self.operations)})" if earlier.skipped else ""
            self.say(f"Complete already{is_}: {earlier.scope}. Use --restart to write the events again.")
            return
        order = _order(calls, who, options) if earlier is None else earlier.order
        until, after = (run.key(calls, order.options[name]) for name in ("until", "after"))
        total = rows.count(after, until)
        if options["dry_run"]:
            self._preview(Chunks(calls=calls, until=until), after, run.scope(order.options), total)
            return
        if not options["yes"] and at_a_terminal():
            self.confirm(f"Write events for {plural(total, 'row')} of {run.scope(order.options)}?")
        row = self._begin(order, total, options) if earlier is None else self._continue(earlier, who, options)
        self._report(self.follow(row, who, options))

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        problem = super().explain(error, options)
        cause = error.__cause__ or error
        if isinstance(cause, InsufficientPrivilege) and "outbox_" not in str(cause):
            return replace(problem, remedy=ROWS_REFUSED)
        return problem

    def follow(self, row: BulkOperation, who: str, options: dict[str, Any]) -> BulkOperation:
        """SIGTERM, too, ends it behind the current chunk."""
        self._named = len(row.options["failed"])
        with stop_on_signals() as self._stop:
            return super().follow(row, who, options)

    def noticed(self, row: BulkOperation) -> None:
        super().noticed(row)
        for each in row.options["failed"][self._named :]:
            tell(self.stderr, f"Skipped. {each['why']}")
        self._named = len(row.options["failed"])
        if self._stop.requested and row.state == State.RUNNING:
            raise KeyboardInterrupt

    def how_to_continue(self, row: BulkOperation) -> str:
        if row.state == State.FAILED and row.error.startswith(RowFailed.__name__):
            return (
                "Its chunk was rolled back; what was written before stays. Correct the row or the receiver, "
                "or add --skip-failing, and run the same command with --resume."
            )
        return CONTINUE

    def _earlier(self, calls: Calls, options: dict[str, Any]) -> Operation | None:
        """The run to continue, or one that is complete. None if a new one begins."""
        latest = run.latest(calls)
        if latest is None or options["resume"]:
            return latest
        if latest.state in OPEN and not options["dry_run"]:
            if not options["restart"]:
                raise CommandError(
                    f"A backfill of {latest.scope} is not complete: operation {latest.pk} is {latest.state} "
                    f"behind row {_place(latest)}. Use --resume to continue it, or --restart to begin again.",
                    returncode=ExitCode.USAGE,
                )
            self.operations.cancel(calls.rows.using, latest.pk, actor.of_command(options["user"]))
        return None

    def _begin(self, order: Order, total: int, options: dict[str, Any]) -> BulkOperation:
        return self.operations.begin(order, self.using(options), total)

    def _continue(self, earlier: Operation, who: str, options: dict[str, Any]) -> BulkOperation:
        """With the pace of this command."""
        self.say(f"Continuing behind row {_place(earlier)}.")
        using = self.using(options)
        with transaction.atomic(using=using):
            row: BulkOperation = self.operations.rows(using).select_for_update(no_key=True).get(pk=earlier.pk)
            pace = {**row.options, **_pace(options)}
            self.operations.rows(using).filter(pk=row.pk).update(options=pace, rate=options["rate"])
        self.operations.resume(using, row.pk, who)
        row.refresh_from_db(using=using)
        return row

    def _preview(self, chunks: Chunks, after: Any, scope: str, total: int) -> None:
        self.say(f"Would write events for {plural(total, 'row')} of {scope}:")
        for pk, found in chunks.sample(after, LINES):
            for each in _lines(pk, found):
                self.say(f"  {each}")
        if total > LINES:
            self.say(f"  … and {plural(total - LINES, 'more row')}.")
        self.say("Nothing was changed.")

    def _report(self, row: BulkOperation) -> None:
        events, rows = plural(row.events, "event"), plural(row.done, "row")
        self.say(f"Wrote {events} for {rows} of {row.options['model']}.")
        if row.skipped:
            raise CommandError(_skipped(row), returncode=ExitCode.ERROR)


def _order(calls: Calls, who: str, options: dict[str, Any]) -> Order:
    until = calls.rows.last()
    if until is None:
        raise CommandError(f"No row of {calls.rows.label} matches.", returncode=ExitCode.USAGE)
    return run.order(calls, until, who, rate=options["rate"], **_pace(options))


def _pace(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "chunk": options["chunk"],
        "max_age": options["max_pending_age"],
        "skip_failing": options["skip_failing"],
    }


def _place(row: BulkOperation) -> str:
    return line(", ".join(row.options["after"]) or "none", 200)


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


def _skipped(row: BulkOperation) -> str:
    first = "; ".join(each["row"] for each in row.options["failed"][:LINES])
    return line(
        f"Skipped: {plural(row.skipped, 'row')}, because a receiver failed. The first: {first}. Correct "
        "them, then run the command for them: --filter pk__in=… The operation keeps their keys: "
        f"outbox_operations {row.pk} --json",
        2_000,
    )
