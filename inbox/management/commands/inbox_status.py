"""manage.py inbox_status: print the state of the consumers as text or JSON, with an exit code."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from inbox.conf import settings
from inbox.errors import InboxError
from inbox.management.command import InboxCommand
from inbox.status import report
from inbox.status.lag import LagQuestion
from outbox_core.operations.command import StatusCommand
from outbox_core.operations.report import Problem, Report


class Command(StatusCommand, InboxCommand):
    help = (
        "Show the state of the consumers: whether they run, what they wait for, how far behind they are, and "
        "what is held. Exit code: 0 ok; 1 behind, degraded, or events held; 2 a consumer is not running, or "
        "the database cannot be read. The health check of a process is `python -m outbox_core.probe`."
    )

    def add_arguments(self, parser: Any) -> None:
        defaults = report.Thresholds()
        parser.add_argument(
            "names", nargs="*", metavar="name", help="consumers of INBOX['CONSUMERS'] (default: all)"
        )
        self.add_database(parser)
        self.add_status_options(parser, max_pending=defaults.max_pending, max_age=defaults.max_age)

    def read(self, **options: Any) -> Report:
        inbox, database = settings(), self.database(options)
        chosen = [inbox.consumer(name) for name in options["names"] or sorted(inbox.consumers)]
        thresholds = report.Thresholds(max_pending=options["max_pending"], max_age=options["max_age"])
        return report.read(chosen, database, thresholds, LagQuestion(inbox))

    def failed(self, problem: Problem, options: dict[str, Any]) -> Report:
        try:
            database = self.database(options)
        except (InboxError, ImproperlyConfigured):
            database = "unknown"
        return report.failed(database, problem)
