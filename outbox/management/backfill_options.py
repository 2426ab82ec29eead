"""The options of outbox_backfill."""

from __future__ import annotations

from django.core.management.base import CommandParser

from outbox.operations.backfill import run
from outbox.operations.backfill.calls import ALL
from outbox_core.process.arguments import count, seconds


def add_options(parser: CommandParser) -> None:
    """Those beside --database: which rows and receivers, how fast, and what becomes of the run."""
    parser.add_argument("model", metavar="app.Model", help="whose rows; a child model has its own rows")
    _add_selection(parser)
    _add_pace(parser)
    _add_run(parser)


def _add_selection(parser: CommandParser) -> None:
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="only rows that match, as in Django: status=paid, deleted_at__isnull=true, pk__in=1,2; may be "
        "repeated. Without one, all rows of the table, whatever the managers of the model hide",
    )
    parser.add_argument(
        "--receiver",
        action="append",
        default=[],
        metavar="PATH",
        help=f"call this receiver, as app.receivers.function, or {ALL!r}; may be repeated. Default: those "
        "that take backfill",
    )
    parser.add_argument(
        "--created", action="store_true", help="pass created=True, as for a new row; default: created=False"
    )


def _add_pace(parser: CommandParser) -> None:
    parser.add_argument(
        "--rate",
        type=count,
        default=run.RATE,
        metavar="ROWS",
        help="at most so many rows a second (default: %(default)s)",
    )
    parser.add_argument(
        "--chunk",
        type=count,
        default=run.CHUNK,
        metavar="ROWS",
        help="rows that are locked and written in one transaction (default: %(default)s)",
    )
    parser.add_argument(
        "--max-pending-age",
        type=seconds,
        default=run.MAX_AGE,
        metavar="SECONDS",
        help="pause while the oldest pending event waits for longer (default: %(default)g)",
    )


def _add_run(parser: CommandParser) -> None:
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--resume",
        action="store_true",
        help="continue the latest run of the same model, filters and receivers; begin if there is none",
    )
    begin.add_argument("--restart", action="store_true", help="begin again, although a run has stopped")
    parser.add_argument(
        "--skip-failing",
        action="store_true",
        help="skip rows for which a receiver raises an exception, and count them; without it, stop there",
    )
    parser.add_argument("--dry-run", action="store_true", help="count the rows and print the first events")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation at a terminal")
    parser.add_argument("--user", metavar="USERNAME", help="record it in the ledger as done for this user")
