"""manage.py outbox_prune: delete old published events, and old entries of the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from outbox.conf import settings
from outbox.log import privileges
from outbox.management.operator import OutboxCommand
from outbox.operations import retention
from outbox_core.operations.command import AGES
from outbox_core.people.humanize import plural
from outbox_core.process.arguments import amount
from outbox_core.process.exit_codes import ExitCode


class Command(OutboxCommand):
    needs = privileges.RETENTION
    help = (
        "Delete published events that are old, a few thousand at a time, without delaying other sessions. "
        "Held and pending events are never deleted. Entries of the ledger are deleted after "
        "OUTBOX['LEDGER_DAYS']. May be interrupted and run again at any time. "
        "Exit codes: 0 done, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count them, and delete nothing")
        parser.add_argument(
            "--older-than",
            metavar="DAYS",
            type=amount,
            default=retention.period() / timedelta(days=1),
            help="days since the event was created (default: %(default)g)",
        )

    def handle(self, *args: object, **options: Any) -> None:
        database, days = options["database"], options["older_than"]
        if days < 0:
            message = f"--older-than {days:g}: give a number of days, 0 or more."
            raise CommandError(message, returncode=ExitCode.USAGE)
        deleted = self._prune(
            database, timedelta(seconds=min(days * 86_400, AGES)), dry_run=options["dry_run"]
        )
        verb = "Would delete" if options["dry_run"] else "Deleted"
        self.say(f"{verb} {plural(deleted, 'published event')} older than {plural(days, 'day')}.")
        if entries := retention.prune_ledger(database, dry_run=options["dry_run"]):
            kept = plural(settings().ledger_days, "day")
            self.say(f"{verb} {plural(entries, 'ledger row')} older than {kept}.")

    def _prune(self, database: str, older_than: timedelta, *, dry_run: bool) -> int:
        first, last = retention.extent(database, older_than) or (0, -1)
        deleted, at = 0, first - 1
        with tqdm(total=last - first + 1, unit="event", unit_scale=True, disable=None) as progress:
            for piece in retention.prune(database, older_than, dry_run=dry_run):
                deleted += piece.deleted
                progress.update(min(piece.upto, last) - at)
                at = min(piece.upto, last)
        return deleted
