from __future__ import annotations

import sys
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from outbox import status
from outbox.management.operator import add_database
from outbox.status.report import State
from outbox.status.text import render


class Command(BaseCommand):
    help = (
        "Show how the outbox is. Exit code: 0 well; 1 behind, degraded, or events held; "
        "2 no relay alive, or not to be read. Fit for a probe, a healthcheck, a cron alert."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        defaults = status.Thresholds()
        add_database(parser)
        parser.add_argument("--json", action="store_true", help="print everything as JSON")
        parser.add_argument(
            "--max-pending",
            type=int,
            metavar="EVENTS",
            default=defaults.max_pending,
            help="behind when more events wait (default: %(default)s)",
        )
        parser.add_argument(
            "--max-age",
            type=float,
            metavar="SECONDS",
            default=defaults.max_age,
            help="behind when one waits for longer (default: %(default)g)",
        )

    def handle(self, *args: object, **options: Any) -> None:
        thresholds = status.Thresholds(max_pending=options["max_pending"], max_age=options["max_age"])
        report = status.read(options["database"], thresholds)
        if options["json"]:
            text = msgspec.json.encode(report.as_dict(), order="deterministic")
            self.stdout.write(msgspec.json.format(text, indent=2).decode())
        else:
            for line in render(report, self._paint):
                self.stdout.write(line)
        sys.exit(report.exit_code)

    def _paint(self, text: str, state: State) -> str:
        styles = (self.style.SUCCESS, self.style.WARNING, self.style.ERROR)
        return styles[state.exit_code](text)
