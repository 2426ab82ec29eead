"""python -m benchmarks [NAME ...] [--events N] [--publisher NAME]: run benchmarks on services of their own
and print their figures.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

import devstack

NAMES = (
    "drain",
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
)
WITH_EVENTS = ("drain", "hotkey", "memory", "transaction", "snapshot", "audit")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--events", type=int, help=f"size of the backlog, for {', '.join(WITH_EVENTS)}")
    parser.add_argument("--publisher", choices=("kafka-python", "confluent"), default="kafka-python")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    names = options.names or NAMES
    if options.events and (without := [name for name in names if name not in WITH_EVENTS]):
        parser.error(f"--events is for {', '.join(WITH_EVENTS)}; {', '.join(without)} would ignore it")
    with devstack.start() as stack:
        os.environ.update(stack.environ(), DJANGO_SETTINGS_MODULE="benchmarks.settings")
        os.environ["KAFKA_BACKEND"] = options.publisher
        from benchmarks.ground import prepare

        prepare()
        for name in names:
            print(f"\n{name}", flush=True)
            benchmark = importlib.import_module(f"benchmarks.{name}")
            for line in benchmark.run(**({"events": options.events} if options.events else {})):
                print(f"  {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
