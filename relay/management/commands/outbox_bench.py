"""manage.py outbox_bench: measure writer, relay and Kafka of this project, on this machine."""

from __future__ import annotations

from argparse import ArgumentTypeError
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser

from outbox.errors import OutboxError
from outbox.log.privileges import RELAY
from outbox.management.operator import add_database
from outbox.status.failure import problem_of
from outbox_core.operations.command import OperatorCommand, json_text, until_reader_leaves
from outbox_core.operations.report import Problem
from outbox_core.process.arguments import count, seconds
from outbox_core.process.exit_codes import ExitCode
from relay.bench.bench import Bench
from relay.bench.traffic import signs
from relay.errors import RelayError

MOST_EVENTS, LARGEST = 1_000_000, 500_000


def _at_most(most: int, text: str) -> int:
    number = count(text)
    if number > most:
        raise ArgumentTypeError(f"{number:,} is more than {most:,}")
    return number


class Command(OperatorCommand):
    help = (
        "Measure what a transaction with an event takes, when a consumer has the event, and how fast the "
        "relay drains a backlog, beside its publisher alone. It writes events to a topic of its own, and "
        "removes both. Without a live relay it runs one itself. Exit codes: 0 measured, 1 failed, 2 usage or "
        "live traffic."
    )
    expected = (OutboxError, RelayError)

    def add_arguments(self, parser: CommandParser) -> None:
        add_database(parser)
        for option, most, default, what in (
            ("--events", MOST_EVENTS, 20_000, "events of the backlog"),
            ("--size", LARGEST, 200, "bytes of a payload"),
            ("--keys", MOST_EVENTS, 1_000, "different keys"),
            ("--partitions", 1_000, 6, "partitions of the topic"),
        ):
            parser.add_argument(
                option,
                type=partial(_at_most, most),
                default=default,
                metavar="N",
                help=f"{what}, at most {most:,} (default: %(default)s)",
            )
        for option, usual, metavar, what in (
            ("--rate", 50.0, "N", "transactions a second of the steady load"),
            ("--seconds", 5.0, "SECONDS", "how long the steady load lasts"),
            ("--timeout", 300.0, "SECONDS", "give up after so long"),
        ):
            parser.add_argument(
                option, type=seconds, default=usual, metavar=metavar, help=f"{what} (default: %(default)g)"
            )
        parser.add_argument(
            "--despite-traffic",
            action="store_true",
            help="measure although the outbox is in use; live relays then publish the events",
        )
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *, json: bool, despite_traffic: bool, rate: float, verbosity: int, **given: Any) -> None:
        found = signs(given["database"])
        if found and not despite_traffic:
            raise CommandError(
                f"This outbox is in use: {', '.join(found)}. A benchmark would slow it down, "
                "and its figures would be wrong. Measure elsewhere or later, or add --despite-traffic.",
                returncode=ExitCode.USAGE,
            )
        names = ("database", "events", "size", "keys", "partitions", "seconds", "timeout")
        figures = Bench(
            **{name: given[name] for name in names},
            shared="a relay is alive" in found,
            per_second=rate,
            say=self.stderr.write if verbosity and not json else _silent,
        ).run()
        with until_reader_leaves():
            for line in [json_text(figures)] if json else figures.lines():
                self.stdout.write(line)
            self.stdout.flush()

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        return problem_of(options["database"], error, RELAY)


def _silent(text: str) -> None:
    """With --json, nothing but JSON is printed."""
