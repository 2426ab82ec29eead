"""manage.py outbox_rebase: make the positions fit a restored database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from outbox.log import privileges
from outbox.management.operator import OutboxCommand
from outbox.operations.resharding import rebase
from outbox_core.operations.command import AGES
from outbox_core.process.arguments import amount
from outbox_core.process.exit_codes import ExitCode


class Command(OutboxCommand):
    needs = privileges.SHARDS
    help = (
        "After a restore, when a relay refuses its position: publish what the stored position does not "
        "cover, and all younger events. Events of the last --margin seconds before it may be published "
        "twice; none is lost. Exit codes: 0 done, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--margin",
            type=amount,
            default=300.0,
            metavar="SECONDS",
            help="publish again events of so many seconds before the position was stored (default: 300)",
        )
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")

    def handle(self, *, margin: float, database: str, dry_run: bool, **_: Any) -> None:
        if margin < 0:
            raise CommandError(
                f"--margin is {margin}: give a number of seconds, 0 or more.", returncode=ExitCode.USAGE
            )
        change = rebase(database, min(margin, AGES), dry_run=dry_run)
        would = "would get" if dry_run else "got"
        self.say(f"{change.renumbered:,} events {would} a transaction id of this history.")
        self.say(
            "Nothing was changed."
            if dry_run
            else "The position fits this database now. Relays continue without a restart."
        )
