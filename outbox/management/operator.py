"""What the commands for operators of the outbox share."""

from __future__ import annotations

from abc import abstractmethod
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser
from django.db import DEFAULT_DB_ALIAS, connections, transaction

from outbox.errors import OutboxError
from outbox.log import privileges
from outbox.status.failure import problem_of
from outbox.write.registry import is_topic
from outbox_core.database import pinned
from outbox_core.operations import actor
from outbox_core.operations.command import OperatorCommand, until_reader_leaves
from outbox_core.operations.report import Problem
from outbox_core.people.text import line


def add_database(parser: CommandParser) -> None:
    """The option --database."""
    parser.add_argument(
        "--database",
        default=DEFAULT_DB_ALIAS,
        choices=tuple(connections),
        help="the database of the outbox, an alias of DATABASES (default: %(default)s)",
    )


def topic_name(text: str) -> str:
    """The argparse type of a topic, which need not exist."""
    if not is_topic(text):
        raise ArgumentTypeError(f"{line(repr(text), 300)} cannot be the name of a topic")
    return text


class OutboxCommand(OperatorCommand):
    """A command on one outbox."""

    expected = (OutboxError,)
    needs = privileges.HOLDS
    """The privileges that it needs. An error names the missing GRANT."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_database(parser)

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        return problem_of(options["database"], error, self.needs)


class ActionCommand(OutboxCommand):
    """One action in one transaction. --dry-run rolls it back."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
        parser.add_argument(
            "--user", metavar="USERNAME", help="record it in the ledger as done for this user"
        )

    @abstractmethod
    def act(self, database: str, who: str, **options: Any) -> str:
        """Do it, and return a sentence that says what was done."""

    def handle(self, *args: object, **options: Any) -> None:
        dry_run = options["dry_run"]
        who = actor.of_command(options["user"])
        with pinned(options["database"]):
            sentence = self.act(who=who, **options)
            transaction.set_rollback(dry_run, using=options["database"])
        with until_reader_leaves():
            self.say(f"Dry run: {sentence}" if dry_run else sentence)
            self.stdout.flush()
