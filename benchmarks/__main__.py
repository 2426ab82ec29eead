"""python -m benchmarks [NAME ...] [--events N]: run benchmarks on services of their own and print their
figures.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

import devstack

NAMES = ("drain", "hotkey", "emit", "idle", "memory", "transaction", "snapshot", "openwriter", "takeover")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--events", type=int, help="size of the backlog, where a benchmark has one")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    with devstack.start() as stack:
        os.environ.update(stack.environ(), DJANGO_SETTINGS_MODULE="benchmarks.settings")
        from benchmarks.ground import prepare

        prepare()
        for name in options.names or NAMES:
            print(f"\n{name}", flush=True)
            benchmark = importlib.import_module(f"benchmarks.{name}")
            for line in benchmark.run(**({"events": options.events} if options.events else {})):
                print(f"  {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
