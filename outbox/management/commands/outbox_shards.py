"""manage.py outbox_shards: change the number of shards."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from outbox.log import privileges
from outbox.management.operator import OutboxCommand
from outbox.operations.resharding import reshard
from outbox_core.operations import actor
from outbox_core.process.exit_codes import ExitCode


class Command(OutboxCommand):
    needs = privileges.SHARDS
    help = (
        "Divide the log into N shards, on a live system. Relays share the shards, so that several publish at "
        "once. What is in flight meanwhile may be published once more. Exit codes: 0 done, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("count", metavar="N", type=int, help="1 to 256")
        parser.add_argument("--reason", default="", help="why; it is kept in the ledger")
        parser.add_argument(
            "--user", metavar="USERNAME", help="record it in the ledger as done for this user"
        )
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")

    def handle(self, *, count: int, database: str, dry_run: bool, **options: Any) -> None:
        who = actor.of_command(options["user"])
        try:
            change = reshard(database, count, dry_run=dry_run, who=who, reason=options["reason"])
        except ValueError as error:
            raise CommandError(str(error), returncode=ExitCode.USAGE) from error
        would = "Would divide" if dry_run else "Divided"
        self.stdout.write(f"{would} the log into {count} shard{'s' * (count != 1)}:")
        for shard in change.shards:
            self.stdout.write(f"  {shard}")
        if change.renumbered:
            self.stdout.write(f"  {change.renumbered:,} events that are not published yet were renumbered.")
