"""manage.py inbox_prune: delete old notes of handled events."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.utils import timezone
from tqdm import tqdm

from inbox.conf import settings
from inbox.management.command import InboxCommand
from inbox.models import HeldEvent, Processed

CHUNK = 5_000


class Command(InboxCommand):
    """Forget what was handled long ago."""

    help = (
        "Forgets which events were handled, and what was discarded, more than INBOX['RETENTION_DAYS'] ago. "
        "An event that is delivered again later is handled again: keep them longer than Kafka keeps topics."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, help="instead of INBOX['RETENTION_DAYS']")
        parser.add_argument("--dry-run", action="store_true", help="print how many, and do nothing")

    def handle(self, *, days: int | None, dry_run: bool, verbosity: int, **_: Any) -> None:
        inbox = settings()
        before = timezone.now() - timedelta(days=inbox.retention_days if days is None else days)
        processed = Processed.objects.using(inbox.database)
        discarded = HeldEvent.objects.using(inbox.database).filter(discarded_at__lt=before)
        if dry_run:
            count = processed.filter(processed_at__lt=before).count()
            self.stdout.write(f"{count} handled and {discarded.count()} discarded events would go")
            return
        total = 0
        with tqdm(desc="pruned", unit=" events", disable=None if verbosity else True) as bar:
            while count := Processed.objects.db_manager(inbox.database).prune(before, CHUNK):
                total += count
                bar.update(count)
        gone, _by_model = discarded.delete()
        self.stdout.write(f"{total} handled and {gone} discarded events from before {before:%F %R} are gone")
