"""manage.py outbox_shards: change the number of shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from outbox.log import privileges
from outbox.management.bulk import OutboxFollowing
from outbox.models import Shard
from outbox.operations.dividing import MOST, order, unfinished
from outbox.operations.resharding import plan
from outbox_core.operations import actor
from outbox_core.operations.bulk.model import STOPPED, BulkOperation
from outbox_core.people.humanize import plural
from outbox_core.process.exit_codes import ExitCode


class Command(OutboxFollowing):
    needs = privileges.SHARDS
    help = (
        "Divide the log into N shards, on a live system. Relays share the shards, so that several publish at "
        "once. What is in flight meanwhile may be published once more. It is an operation: see "
        "outbox_operations. Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("count", metavar="N", type=int, help="1 to 256")
        parser.add_argument("--reason", default="", help="why; it is kept in the ledger")
        parser.add_argument(
            "--wait",
            action="store_true",
            help=f"before shards are merged, wait until at most {MOST:,} events are not published, because "
            "these are renumbered while relays wait (default: merge at once)",
        )
        parser.add_argument(
            "--user", metavar="USERNAME", help="record it in the ledger as done for this user"
        )
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")

    def handle(self, *args: object, **options: Any) -> None:
        using, count, who = self.using(options), options["count"], actor.of_command(options["user"])
        try:
            planned = plan(using, count)
        except ValueError as error:
            raise CommandError(str(error), returncode=ExitCode.USAGE) from error
        if options["dry_run"]:
            self._list("Would divide", planned.shards)
            if planned.waiting is not None:
                self.say(f"  {planned.waiting.words('event')} are not published yet and would be renumbered.")
            return
        row = self.follow(self._begun(count, who, options), who, options)
        self._list("Divided", list(Shard.objects.using(using).order_by("id")))
        if row.events:
            self.say(f"  {plural(row.events, 'event')}, not published yet, renumbered.")

    def _begun(self, count: int, who: str, options: dict[str, Any]) -> BulkOperation:
        """A new one, or one into as many shards that was interrupted. One that would wait is replaced by one
        that does it at once.
        """
        using, most = self.using(options), MOST if options["wait"] else None
        earlier = unfinished(using)
        if earlier is None or earlier.options["count"] != count:
            pass  # the check of a new one refuses to begin beside another
        elif most is None and earlier.options["most"] is not None:
            self.say(f"Cancelled operation {earlier.pk}, which waits.")
            self.operations.cancel(using, earlier.pk, who)
        else:
            self.say(f"Continuing operation {earlier.pk}.")
            if earlier.state in STOPPED:
                self.operations.resume(using, earlier.pk, who)
            return earlier
        return self.operations.begin(
            order(count, who, reason=options["reason"].strip(), most=most), using, count
        )

    def _list(self, done: str, shards: Sequence[Shard]) -> None:
        self.say(f"{done} the log into {plural(len(shards), 'shard')}:")
        for shard in shards:
            self.say(f"  {shard}")
