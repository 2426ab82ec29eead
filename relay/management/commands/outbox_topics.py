"""manage.py outbox_topics: create the topics of the registered events."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from outbox.operations.registered import EMPTY, topics
from outbox_core.operations.command import OperatorCommand
from outbox_core.operations.report import Problem, State
from outbox_core.process.arguments import seconds
from outbox_core.process.exit_codes import ExitCode
from relay.conf import settings
from relay.errors import RelayError
from relay.publishers.kafka_python.new_topics import create_topics

BROKER_DEFAULT = -1


class Command(OperatorCommand):
    help = (
        "Create the topics of the registered events that do not exist yet. An existing topic stays as it is, "
        "so it is safe to run again. Exit codes: 0 every topic exists, 1 failed, 2 usage."
    )
    expected = (RelayError,)

    def add_arguments(self, parser: CommandParser) -> None:
        for option, what in (("--partitions", "partitions"), ("--replication-factor", "copies")):
            parser.add_argument(
                option,
                type=int,
                default=BROKER_DEFAULT,
                metavar="N",
                help=f"how many {what} a new topic has (default: as the broker chooses)",
            )
        parser.add_argument(
            "--timeout",
            type=seconds,
            default=10.0,
            metavar="SECONDS",
            help="how long Kafka may take to answer (default: %(default)g)",
        )

    def handle(self, *, partitions: int, replication_factor: int, timeout: float, **_: Any) -> None:
        if 0 in (partitions, replication_factor) or min(partitions, replication_factor) < BROKER_DEFAULT:
            raise CommandError(
                "--partitions and --replication-factor are at least 1.", returncode=ExitCode.USAGE
            )
        names = sorted(topics())
        if not names:
            self.say(EMPTY)
            return
        created = create_topics(
            settings().kafka_options,
            names,
            partitions=partitions,
            copies=replication_factor,
            seconds=timeout,
        )
        for name in names:
            self.say(f"{name}: {'created' if name in created else 'exists'}")

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        return Problem(state=State.REFUSED, text=str(error), remedy="")
