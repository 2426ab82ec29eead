"""What the commands for operators of the inbox share."""

from __future__ import annotations

from typing import Any

from django.db import connections

from inbox.conf import settings
from inbox.errors import InboxError
from outbox_core.operations.command import OperatorCommand
from outbox_core.operations.database_failure import explain
from outbox_core.operations.report import Problem


class InboxCommand(OperatorCommand):
    """A command on the inbox in INBOX["DATABASE"], or in that of --database."""

    expected = (InboxError,)

    def add_database(self, parser: Any) -> None:
        """The option --database."""
        parser.add_argument(
            "--database", help="the database of the inbox, an alias of DATABASES (default: INBOX['DATABASE'])"
        )

    def database(self, options: dict[str, Any]) -> str:
        """The alias of the database. Raises InboxError if it is not in DATABASES."""
        alias: str = options.get("database") or settings().database
        if alias not in connections:
            raise InboxError(f"There is no database {alias!r} in DATABASES: {', '.join(connections)}.")
        return alias

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        return explain(self.database(options), "inbox", error)
