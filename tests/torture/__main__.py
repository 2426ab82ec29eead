"""``python -m tests.torture``: faults under load, then the verdict. Exit code 0 if every promise held."""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
from collections.abc import Sequence

from tests.torture import campaign
from tests.torture.faults import FAULTS, Fault
from tests.torture.ground import Ground
from tests.torture.trial import Trial


def main() -> int:
    options = _parse()
    if options.list:
        print("\n".join(FAULTS))
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):  # also where it was started in the background
        signal.signal(number, signal.default_int_handler)
    with contextlib.closing(Ground(brokers=options.brokers, pooled=options.pooled)) as ground:
        picked = _picked(options, campaign.possible(ground))
        campaign.say(f"seed {options.seed}, {sum(map(len, picked))} faults, {options.brokers} broker(s)")
        with Trial(
            ground,
            seed=options.seed,
            relays=options.relays,
            writers=options.writers,
            patience=options.patience,
        ) as trial:
            campaign.run(trial, picked)
            campaign.say("settling")
            verdict = trial.verdict()
            if options.keep_logs:
                options.keep_logs.write(trial.fleet.logs())
    print(verdict.table())
    return 0 if verdict.holds else 1


def _picked(options: argparse.Namespace, possible: Sequence[Fault]) -> list[tuple[Fault, ...]]:
    if options.each:
        return [(fault,) for fault in possible for _ in range(options.faults)]
    if not options.only:
        return campaign.chosen(options.seed, options.faults, possible)
    named = [tuple(FAULTS[name] for name in names.split("+")) for names in options.only]
    if impossible := {fault.name for faults in named for fault in faults if fault not in possible}:
        raise SystemExit(f"not possible here: {', '.join(sorted(impossible))}")
    return [faults for faults in named for _ in range(options.faults)]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.torture", description=__doc__)
    parser.add_argument("--faults", type=int, default=1, help="how many; with --only: how often each")
    parser.add_argument("--seed", type=int, default=random.randrange(100_000))
    parser.add_argument(
        "--only", action="append", metavar="NAME[+NAME]", help="these, the joined ones at once"
    )
    parser.add_argument("--each", action="store_true", help="each fault that there is, alone")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--pooled", action="store_true", help="PgBouncer between everybody and PostgreSQL")
    parser.add_argument("--relays", type=int, default=2)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument(
        "--patience", type=float, default=5.0, help="seconds after a fault to publish again (default: 5)"
    )
    parser.add_argument("--keep-logs", type=argparse.FileType("w"), metavar="FILE", help="the relays' logs")
    parser.add_argument("--list", action="store_true", help="the names of the faults")
    options = parser.parse_args()
    unknown = {n for names in options.only or () for n in names.split("+")} - FAULTS.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; see --list")
    return options


if __name__ == "__main__":
    sys.exit(main())
