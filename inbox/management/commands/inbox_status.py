from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder

from inbox.conf import settings
from inbox.errors import UnknownConsumer
from inbox.lag import Asking
from inbox.management.command import InboxCommand
from inbox.status import statuses
from outbox_core.process.exit_codes import ExitCode, StatusCode


class Command(InboxCommand):
    """Say how the consumers are doing, in words or JSON, and in the exit code."""

    failure_code = StatusCode.CRITICAL
    help = (
        "Are the consumers alive, what do they wait for, how far behind are they, what is parked? "
        "Exit codes: 0 all is well, 1 somebody should look, 2 a consumer is down or the database does not "
        "answer. The health check of a process is `python -m outbox_core.probe`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "names", nargs="*", metavar="name", help="consumers of INBOX['CONSUMERS'] (default: all)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--max-lag",
            type=int,
            metavar="N",
            help="exit 1 if more than N records are not handled yet, or Kafka does not say",
        )
        parser.add_argument(
            "--max-age",
            type=float,
            metavar="SECONDS",
            help="exit 1 if the oldest of them is older than that, or Kafka does not say",
        )

    def handle(self, *, names: list[str], **options: Any) -> None:
        inbox = settings()
        try:
            chosen = [inbox.consumer(name) for name in names or sorted(inbox.consumers)]
        except UnknownConsumer as error:
            raise CommandError(str(error), returncode=ExitCode.USAGE) from error
        limits = {"max_lag": options["max_lag"], "max_age": options["max_age"]}
        found = statuses(chosen, inbox.database, Asking(*inbox.kafka_client()), **limits)
        if options["json"]:
            self.stdout.write(
                json.dumps([status.as_json() for status in found], cls=DjangoJSONEncoder, indent=2)
            )
        else:
            for status in found:
                self.stdout.write(str(status))
        worst = max((status.exit_code for status in found), default=StatusCode.OK)
        if worst:
            sys.exit(worst)
