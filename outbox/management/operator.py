"""What the commands of operators have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections, transaction

from outbox.errors import OutboxError
from outbox.log import privileges
from outbox.status.failure import unreadable
from outbox_core.database import pinned

if TYPE_CHECKING:
    from django.db.models import Model

LINES = 20


def add_database(parser: CommandParser) -> None:
    """The option --database."""
    parser.add_argument(
        "--database",
        default=DEFAULT_DB_ALIAS,
        choices=tuple(connections),
        help="the database of the outbox, an alias of DATABASES (default: %(default)s)",
    )


class OutboxCommand(BaseCommand):
    """A command on one outbox: why its database could not do it is told in one line, with the remedy."""

    requires_system_checks = ()
    needs = privileges.HOLDS
    """What its role must be allowed to do; an error names the GRANT that is missing."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_database(parser)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except OutboxError as error:
            raise CommandError(str(error)) from error
        except (DatabaseError, InterfaceError) as error:
            (problem,) = unreadable(options["database"], error, self.needs).problems
            raise CommandError(f"{problem.text} {problem.remedy}") from error


class OperatorCommand(OutboxCommand, ABC):
    """A verb of the admin as a command. What it does is one transaction, rolled back with --dry-run."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument(
            "--user", metavar="USERNAME", help="record it in the admin's history as done by this user"
        )

    @abstractmethod
    def act(self, database: str, **options: Any) -> Iterable[tuple[Model, str]]:
        """Do it; the objects, and for each a sentence that tells what was done to it."""

    def handle(self, *args: object, **options: Any) -> None:
        database, dry_run = options["database"], options["dry_run"]
        user = self._user(options["user"])
        with pinned(database):
            deeds = list(self.act(**options))
            if user is not None and not dry_run:
                self._record(user, deeds)
            transaction.set_rollback(dry_run, using=database)
        self._tell([sentence for _, sentence in deeds], dry_run)

    def _user(self, name: str | None) -> Any:
        if name is None:
            return None
        if not apps.is_installed("django.contrib.admin"):
            raise CommandError("--user needs django.contrib.admin in INSTALLED_APPS: it keeps the history.")
        model = get_user_model()
        try:
            return model._default_manager.get_by_natural_key(name)
        except model.DoesNotExist as error:
            raise CommandError(f"There is no user {name!r} to record this for.") from error

    def _record(self, user: Any, deeds: Iterable[tuple[Model, str]]) -> None:
        from outbox import audit

        audit.record(user, deeds)

    def _tell(self, sentences: Sequence[str], dry_run: bool) -> None:
        for sentence in sentences[:LINES]:
            self.stdout.write(f"Dry run: {sentence}" if dry_run else sentence)
        if len(sentences) > LINES:
            self.stdout.write(f"… and {len(sentences) - LINES} more like these.")
