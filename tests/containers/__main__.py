"""``make containers``: the example on a Docker engine, broken in every way, and what is left."""

from __future__ import annotations

import argparse
import sys

from tests.containers.compose import Compose
from tests.containers.engine import NoEngine, engine
from tests.containers.images import NoImages, variables
from tests.containers.proof import WORKERS, Proof

PROJECT = "outbox-proof"
PASSWORD = "s/l@sh:100%?#&'\" $x"
"""Of every role: no character may be lost on its way through compose, SQL and URLs."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.containers", description=__doc__)
    parser.add_argument(
        "--away", type=float, default=60.0, help="seconds without database and Kafka (default: 60)"
    )
    away = parser.parse_args().away
    try:
        with engine() as docker:
            print(docker.name)
            ours = {"POSTGRES_PASSWORD": PASSWORD, "WORKERS": str(WORKERS)}
            compose = Compose(PROJECT, {**variables(), **ours})
            proof = Proof(docker, compose, away)
            try:
                proof.run()
            finally:
                compose("down", "--volumes", "--timeout", "5")
    except NoEngine as error:
        print(f"containers: skipped: {error}", file=sys.stderr)
    except NoImages as error:
        print(f"containers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
