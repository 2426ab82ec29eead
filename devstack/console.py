"""What devstack tells the person in front of it: on stderr, so that stdout stays the command's."""

from __future__ import annotations

import sys


def announce(line: str) -> None:
    print(f"devstack: {line}", file=sys.stderr, flush=True)
