"""What inbox_pause and inbox_resume share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from inbox.management.command import InboxCommand
from outbox_core.operations import actor
from outbox_core.operations.command import until_reader_leaves
from outbox_core.process.arguments import filled


class PauseCommand(InboxCommand):
    """One action in one transaction. --dry-run rolls it back."""

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_database(parser)
        parser.add_argument("name", metavar="CONSUMER", help="one of INBOX['CONSUMERS']")
        parser.add_argument("--topic", type=filled, help="only this topic, as Kafka knows it (default: all)")
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
        parser.add_argument(
            "--user", metavar="USERNAME", help="record it in the ledger as done for this user"
        )

    @abstractmethod
    def act(self, database: str, who: str, **options: Any) -> str:
        """Do it, and return a sentence that says what was done."""

    def handle(self, *args: object, **options: Any) -> None:
        database, dry_run = self.database(options), options["dry_run"]
        who = actor.of_command(options["user"])
        with transaction.atomic(using=database):
            topic = options["topic"] or ""
            sentence = self.act(**{**options, "topic": topic, "database": database, "who": who})
            transaction.set_rollback(dry_run, using=database)
        with until_reader_leaves():
            self.say(f"Dry run: {sentence}" if dry_run else sentence)
            self.stdout.flush()
