"""A health check that needs no Django: ``python -m outbox_core.probe PATH [--max-age SECONDS]``.

PATH is the ``--liveness-file`` of a ``run_relay`` or ``run_consumer``. Exit codes: 0 its loop makes progress;
1 it does not, or the process does not run; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from outbox_core.process.arguments import seconds

MAX_AGE_SECONDS = 60.0
CLOCK_TOLERANCE_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the result. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m outbox_core.probe", description=__doc__)
    parser.add_argument("path", type=Path, metavar="PATH", help="the process's --liveness-file")
    parser.add_argument(
        "--max-age",
        type=seconds,
        default=MAX_AGE_SECONDS,
        metavar="SECONDS",
        help="how long the loop may be without progress (default: %(default)g); more than the longest "
        "handler or statement takes",
    )
    options = parser.parse_args(arguments)
    problem = judge(options.path, options.max_age)
    print(problem or f"{options.path}: alive", file=sys.stderr if problem else sys.stdout)
    return 1 if problem else 0


def judge(path: Path, max_age: float) -> str:
    """The problem of the process with this liveness file; empty if there is none."""
    try:
        status = path.stat()
        name = _printable(path) if stat.S_ISREG(status.st_mode) else ""
    except FileNotFoundError:
        return f"{path} does not exist: the process is starting, has ended, or runs without --liveness-file."
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is not a file: give the path that the process has as --liveness-file."
    age = time.time() - status.st_mtime
    if age > max_age:
        return f"{path}: {name} has made no progress for {age:.0f} s, more than {max_age:g} s."
    if age < -max(max_age, CLOCK_TOLERANCE_SECONDS):
        return f"{path}: {name} made progress in the future: the clock was set back, and it hangs."
    return ""


def _printable(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(200).decode("ascii", "replace")
    return "".join(letter for letter in text if letter.isprintable()) or "the process"


if __name__ == "__main__":
    sys.exit(main())
