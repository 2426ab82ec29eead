"""``python -m tests.torture.inbox``: faults, then the verdict. Exit code 0 if every promise held."""

from __future__ import annotations

import argparse
import contextlib
import random
import sys

from tests.torture import campaign
from tests.torture.faults import Fault
from tests.torture.ground import Ground
from tests.torture.inbox.faults import FAULTS
from tests.torture.inbox.trial import ConsumerTrial


def main() -> int:
    options = _parse()
    if options.list:
        print("\n".join(FAULTS))
        return 0
    picked = _picked(options)
    campaign.say(f"seed {options.seed}, {sum(map(len, picked))} faults, {options.instances} instances")
    with contextlib.closing(Ground()) as ground:
        with ConsumerTrial(
            ground, seed=options.seed, instances=options.instances, without=options.without
        ) as trial:
            campaign.run(trial, picked, tell=tell)
            campaign.say("settling")
            verdict = trial.verdict()
            if options.keep_logs:
                options.keep_logs.write(trial.fleet.logs())
    print(verdict.table())
    return 0 if verdict.holds else 1


def tell(line: str) -> None:
    campaign.say(line.replace("publishing after", "handling after"))


def _picked(options: argparse.Namespace) -> list[tuple[Fault, ...]]:
    if options.each:
        return [(fault,) for fault in FAULTS.values() for _ in range(options.faults)]
    if not options.only:
        return campaign.chosen(options.seed, options.faults, list(FAULTS.values()))
    named = [tuple(FAULTS[name] for name in names.split("+")) for names in options.only]
    return [faults for faults in named for _ in range(options.faults)]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.torture.inbox", description=__doc__)
    parser.add_argument("--faults", type=int, default=1, help="how many; with --only: how often each")
    parser.add_argument("--seed", type=int, default=random.randrange(100_000))
    parser.add_argument(
        "--only", action="append", metavar="NAME[+NAME]", help="these, the joined ones at once"
    )
    parser.add_argument("--each", action="store_true", help="each fault that there is, alone")
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument(
        "--without",
        choices=("dedupe", "parking", "offsets-last"),
        default="",
        help="a guard of the inbox; the verdict must be red then",
    )
    parser.add_argument(
        "--keep-logs", type=argparse.FileType("w"), metavar="FILE", help="the consumers' logs"
    )
    parser.add_argument("--list", action="store_true", help="the names of the faults")
    options = parser.parse_args()
    unknown = {n for names in options.only or () for n in names.split("+")} - FAULTS.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; see --list")
    return options


if __name__ == "__main__":
    sys.exit(main())
