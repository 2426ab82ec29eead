"""What a campaign is told on its command line: which faults, how often, from which seed."""

from __future__ import annotations

import argparse
import random
from collections.abc import Collection, Mapping, Sequence

from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from tests.torture import campaign
from tests.torture.faults import Fault

CLIENTS = (KAFKA_PYTHON, CONFLUENT)


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """The options that every campaign has."""
    parser = argparse.ArgumentParser(name, description=description)
    parser.add_argument("--faults", type=int, default=1, help="how many; with --only: how often each")
    parser.add_argument("--seed", type=int, default=random.randrange(100_000))
    parser.add_argument(
        "--only", action="append", metavar="NAME[+NAME]", help="these, the joined ones at once"
    )
    parser.add_argument("--each", action="store_true", help="each fault that there is, alone")
    parser.add_argument(
        "--keep-logs", type=argparse.FileType("w"), metavar="FILE", help="the logs of all processes"
    )
    parser.add_argument("--list", action="store_true", help="the names of the faults")
    parser.add_argument(
        "--client",
        action="append",
        choices=CLIENTS,
        metavar="NAME",
        help="the Kafka client: kafka-python or confluent; by default, processes have them in turn",
    )
    return parser


def clients(options: argparse.Namespace) -> Sequence[str]:
    return options.client or CLIENTS


def parsed(parser: argparse.ArgumentParser, faults: Collection[str]) -> argparse.Namespace:
    """The options; those that cannot be end the process, and so does --list."""
    options = parser.parse_args()
    if options.list:
        print("\n".join(faults))
        parser.exit()
    unknown = {n for names in options.only or () for n in names.split("+")} - set(faults)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; see --list")
    return options


def picked(
    options: argparse.Namespace, faults: Mapping[str, Fault], possible: Sequence[Fault]
) -> list[tuple[Fault, ...]]:
    """The faults of the run, in their order, those that come at once together."""
    if options.each:
        return [(fault,) for fault in possible for _ in range(options.faults)]
    if not options.only:
        return campaign.chosen(options.seed, options.faults, possible)
    named = [tuple(faults[name] for name in names.split("+")) for names in options.only]
    if impossible := {fault.name for group in named for fault in group if fault not in possible}:
        raise SystemExit(f"not possible here: {', '.join(sorted(impossible))}")
    return [group for group in named for _ in range(options.faults)]
