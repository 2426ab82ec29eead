"""python -m benchmarks [NAME ...] [--events N] [--publisher NAME] [--brokers N]: run benchmarks on services
of their own and print their figures.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from types import ModuleType
from typing import Any

import devstack
from benchmarks.arrivals import TooFew
from benchmarks.servers import Servers, started
from devstack.console import announce
from devstack.errors import Unavailable

NAMES = (
    "drain",
    "beside",
    "packages",
    "grid",
    "hotkey",
    "latency",
    "emit",
    "emitmany",
    "idle",
    "memory",
    "transaction",
    "snapshot",
    "openwriter",
    "takeover",
    "audit",
    "inbox",
    "pages",
)
WITH_EVENTS = (
    "drain",
    "beside",
    "packages",
    "grid",
    "hotkey",
    "memory",
    "transaction",
    "snapshot",
    "audit",
    "inbox",
    "pages",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--events", type=int, help=f"size of the backlog, for {', '.join(WITH_EVENTS)}")
    parser.add_argument("--publisher", choices=("kafka-python", "confluent"), default="kafka-python")
    parser.add_argument(
        "--brokers",
        type=int,
        choices=(1, 3),
        default=1,
        help="with 3, every topic has three replicas, of which two must have a record; 1 by default",
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    names = options.names or NAMES
    if options.events and (without := [name for name in names if name not in WITH_EVENTS]):
        parser.error(f"--events is for {', '.join(WITH_EVENTS)}; {', '.join(without)} would ignore it")
    with _services(options.brokers) as (environ, servers):
        os.environ.update(environ, DJANGO_SETTINGS_MODULE="benchmarks.settings")
        os.environ["KAFKA_BACKEND"] = options.publisher
        from benchmarks.ground import prepare

        prepare()
        for name in names:
            print(f"\n{name}", flush=True)
            _print(importlib.import_module(f"benchmarks.{name}"), servers, options.events)
    return 0


@contextmanager
def _services(brokers: int) -> Iterator[tuple[dict[str, str], Servers | None]]:
    """Servers of our own, as they are under load. Without Java or Maven: what devstack finds."""
    try:
        with started(brokers) as servers:
            print(servers, flush=True)
            yield servers.environ(), servers
    except Unavailable as reason:
        if brokers > 1:
            sys.exit(f"--brokers {brokers} needs brokers of our own: {reason}")
        announce(f"the CPU of the servers is not measured: {reason}")
        with devstack.start() as stack:
            yield stack.environ(), None


def _print(benchmark: ModuleType, servers: Servers | None, events: int | None) -> None:
    options: dict[str, Any] = {"events": events} if events else {}
    if "servers" in signature(benchmark.run).parameters:
        if servers is None:
            print("  needs Java and Maven", flush=True)
            return
        options["servers"] = servers
    try:
        for line in benchmark.run(**options):
            print(f"  {line}", flush=True)
    except TooFew as reason:
        sys.exit(f"  {reason}")


if __name__ == "__main__":
    sys.exit(main())
