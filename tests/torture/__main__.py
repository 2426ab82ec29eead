"""``python -m tests.torture``: faults under load, then the verdict. Exit code 0 if every promise held."""

from __future__ import annotations

import argparse
import contextlib
import sys

from tests.torture import arguments, campaign
from tests.torture.faults import FAULTS
from tests.torture.ground import Ground
from tests.torture.trial import Trial


def main() -> int:
    options = _parse()
    campaign.heed_signals()
    with contextlib.closing(Ground(brokers=options.brokers, pooled=options.pooled)) as ground:
        picked = arguments.picked(options, FAULTS, campaign.possible(ground))
        campaign.say(f"seed {options.seed}, {sum(map(len, picked))} faults, {options.brokers} broker(s)")
        with Trial(
            ground,
            seed=options.seed,
            relays=options.relays,
            writers=options.writers,
            patience=options.patience,
            clients=arguments.clients(options),
        ) as trial:
            campaign.run(trial, picked)
            campaign.say("settling")
            verdict = trial.verdict()
            if options.keep_logs:
                options.keep_logs.write(trial.fleet.logs())
    print(verdict.table())
    return 0 if verdict.holds else 1


def _parse() -> argparse.Namespace:
    parser = arguments.parser("tests.torture", __doc__)
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--pooled", action="store_true", help="PgBouncer between everybody and PostgreSQL")
    parser.add_argument("--relays", type=int, default=2)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument(
        "--patience", type=float, default=5.0, help="seconds after a fault to publish again (default: 5)"
    )
    return arguments.parsed(parser, FAULTS)


if __name__ == "__main__":
    sys.exit(main())
