"""Messages of devstack. They go to stderr, so that stdout belongs to the command."""

from __future__ import annotations

import sys


def announce(line: str) -> None:
    print(f"devstack: {line}", file=sys.stderr, flush=True)
