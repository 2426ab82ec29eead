"""manage.py inbox_prune: delete old notes of handled events, and old entries of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from inbox.conf import settings
from inbox.management.command import InboxCommand
from inbox.models import HeldEvent, Ledger, Operation, Processed
from inbox.models.held_queries import HeldEventQuerySet
from outbox_core.operations.command import AGES
from outbox_core.people.humanize import plural
from outbox_core.process.arguments import amount
from outbox_core.process.exit_codes import ExitCode

CHUNK = 5_000


class Command(InboxCommand):
    help = (
        "Delete old notes of handled events, and old discarded events. Without its note, an event that Kafka "
        "delivers again is handled again: keep the notes longer than Kafka keeps the topics. Held events and "
        "their notes are never deleted. Entries of the ledger are deleted after INBOX['LEDGER_DAYS']. "
        "May be interrupted and run again at any time. "
        "Exit codes: 0 done, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_database(parser)
        parser.add_argument("--dry-run", action="store_true", help="count them, and delete nothing")
        parser.add_argument(
            "--older-than",
            metavar="DAYS",
            type=amount,
            help="days since the event was handled or discarded (default: INBOX['RETENTION_DAYS'])",
        )

    def handle(self, *, older_than: float | None, dry_run: bool, verbosity: int, **options: Any) -> None:
        days = settings().retention_days if older_than is None else older_than
        if days < 0:
            message = f"--older-than {days:g}: give a number of days, 0 or more."
            raise CommandError(message, returncode=ExitCode.USAGE)
        database = self.database(options)
        before = timezone.now() - timedelta(seconds=min(days * 86_400, AGES))
        notes = Processed.objects.db_manager(database)
        discarded = HeldEvent.objects.using(database).filter(discarded_at__lt=before)
        if dry_run:
            verb, forgotten, gone = "Would delete", notes.old(before).count(), discarded.count()
        else:
            with tqdm(unit="event", unit_scale=True, disable=None if verbosity else True) as progress:
                verb = "Deleted"
                forgotten = _total(iter(lambda: notes.prune(before, CHUNK), 0), progress)
                gone = _total(_delete(discarded), progress)
        self.say(
            f"{verb} the notes of {plural(forgotten, 'handled event')} and {plural(gone, 'discarded event')} "
            f"older than {plural(days, 'day')}."
        )
        self._prune_ledger(database, verb, dry_run=dry_run)

    def _prune_ledger(self, database: str, verb: str, *, dry_run: bool) -> None:
        entries, kept = Ledger.objects.using(database), settings().ledger_days
        gone = entries.older_than(kept).count() if dry_run else entries.prune(kept)
        if not dry_run:
            Operation.objects.using(database).prune(kept)
        if gone:
            self.say(f"{verb} {plural(gone, 'ledger row')} older than {plural(kept, 'day')}.")


def _delete(rows: HeldEventQuerySet) -> Iterator[int]:
    """Delete these chunk by chunk, and yield how many each was."""
    after = 0
    while ids := list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        yield rows.filter(pk__in=ids).delete()[0]
        after = ids[-1]


def _total(counts: Iterator[int], progress: tqdm[Any]) -> int:
    total = 0
    for count in counts:
        total += count
        progress.update(count)
    return total
