"""manage.py outbox_status: print the state of the outbox as text or JSON, with an exit code."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from outbox import status
from outbox.errors import OutboxError
from outbox.status.failure import failed, unreadable
from outbox.status.text import report
from outbox_core.operations.command import StatusCommand
from outbox_core.operations.database_failure import explain
from outbox_core.operations.report import Problem, Report


class Command(StatusCommand):
    help = (
        "Show the state of the outbox. Exit code: 0 ok; 1 behind, degraded, not proved, or events held; 2 no "
        "relay is alive, relays refuse the log, Kafka is different, or the outbox cannot be read. For people "
        "and alerts; a health check uses outbox_core.probe."
    )
    expected = (OutboxError,)

    def add_arguments(self, parser: CommandParser) -> None:
        defaults = status.Thresholds()
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            help="the database of the outbox, an alias of DATABASES (default: %(default)s)",
        )
        self.add_status_options(parser, max_pending=defaults.max_pending, max_age=defaults.max_age)

    def read(self, **options: Any) -> Report:
        if options["database"] not in connections:
            known = ", ".join(connections)
            return report(
                unreadable(options["database"], f"There is no database of that name in DATABASES: {known}.")
            )
        thresholds = status.Thresholds(max_pending=options["max_pending"], max_age=options["max_age"])
        return report(status.read(options["database"], thresholds))

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        return explain(options["database"], "outbox", error)

    def failed(self, problem: Problem, options: dict[str, Any]) -> Report:
        return report(failed(options["database"], problem))
