"""The command line of devstack."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from types import FrameType

from devstack import verbs
from devstack.console import announce
from devstack.errors import DevstackError

DESCRIPTION = """\
PostgreSQL and Kafka on a machine that has neither.

Each is had in the first of these ways that works, and the choice is printed:
  1. DATABASE_URL, KAFKA_BOOTSTRAP_SERVERS   if set, that server is used
  2. a container                             if a Docker engine answers
  3. embedded                                PostgreSQL's own binaries; Apache Kafka by Maven and Java
  4. a stand-in for Kafka                    tansu, where there is no Java or no Maven
"""
Verb = Callable[[Namespace], int]


def main(arguments: Sequence[str]) -> int:
    """Run one verb and return its exit code: the command's, 128 + n for signal n, or 1 after an error."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        options = _parse(list(arguments))
        verb: Verb = options.verb
        return verb(options)
    except DevstackError as error:
        announce(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _end(number: int, _frame: FrameType | None) -> None:
    """Unwind, stopping what was started, and exit with 128 + n."""
    sys.exit(128 + number)


def _parse(arguments: list[str]) -> Namespace:
    before, command = arguments, []
    if "--" in arguments:
        before, command = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    parser = _parser()
    options = parser.parse_args(before)
    if options.verb is verbs.run and not command:
        parser.error("run needs a command: python -m devstack run -- COMMAND")
    if options.verb is not verbs.run and command:
        parser.error(f"only run takes a command, got: {' '.join(command)}")
    options.command = command
    options.services = before[1:]
    return options


def _parser() -> ArgumentParser:
    parser = ArgumentParser("devstack", description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter)
    verb = parser.add_subparsers(metavar="VERB", required=True)
    run = verb.add_parser("run", help="start them, run a command (after --), stop them; its exit code")
    up = verb.add_parser("up", help="start them and leave them running; eval what it prints on stdout")
    keep = verb.add_parser("keep")
    for subparser, function in ((run, verbs.run), (up, verbs.up), (keep, verbs.keep)):
        subparser.set_defaults(verb=function)
        _add_service_options(subparser)
    verb.add_parser("down", help="stop what up has started here").set_defaults(verb=verbs.down)
    verb.add_parser("status", help="exit code 0 if what up has started here answers, else 1").set_defaults(
        verb=verbs.status
    )
    return parser


def _add_service_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--brokers", type=int, choices=(1, 3), default=1, help="how many Kafka brokers (default 1)"
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--postgres-only", dest="kafka", action="store_false", help="PostgreSQL alone")
    only.add_argument("--kafka-only", dest="postgres", action="store_false", help="Kafka alone")
