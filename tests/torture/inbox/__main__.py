"""``python -m tests.torture.inbox``: faults, then the verdict. Exit code 0 if every promise held."""

from __future__ import annotations

import argparse
import contextlib
import sys

from tests.torture import arguments, campaign
from tests.torture.ground import Ground
from tests.torture.inbox.faults import FAULTS, OF_WORKERS
from tests.torture.inbox.trial import ConsumerTrial


def main() -> int:
    options = _parse()
    campaign.heed_signals()
    possible = [fault for fault in FAULTS.values() if options.workers > 1 or fault not in OF_WORKERS]
    picked = arguments.picked(options, FAULTS, possible)
    campaign.say(f"seed {options.seed}, {sum(map(len, picked))} faults, {options.instances} instances")
    with contextlib.closing(Ground()) as ground:
        with ConsumerTrial(
            ground,
            seed=options.seed,
            instances=options.instances,
            without=options.without,
            workers=options.workers,
            clients=arguments.clients(options),
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


def _parse() -> argparse.Namespace:
    parser = arguments.parser("tests.torture.inbox", __doc__)
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="WORKERS of the consumer (default: 1)")
    parser.add_argument(
        "--without",
        choices=("dedupe", "holding", "offsets-last", "look-back"),
        default="",
        help="a guard of the inbox; the verdict must be red then",
    )
    return arguments.parsed(parser, FAULTS)


if __name__ == "__main__":
    sys.exit(main())
