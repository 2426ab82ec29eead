"""A health check that needs no Django: ``python -m outbox_core.probe PATH [--max-age SECONDS]``.

PATH is the ``--liveness-file`` of a ``run_relay`` or ``run_consumer``. Exit codes: 0 its loop makes progress;
1 it does not, or the process does not run; 2 wrong arguments.
"""

# Each container runs this every few seconds, so it imports only what Python has loaded at its start.
from __future__ import annotations

import os
import stat
import sys
import time

MAX_AGE_SECONDS = 60.0
CLOCK_TOLERANCE_SECONDS = 5.0


def main(arguments: list[str] | None = None) -> int:
    """Print the result. Returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    path, max_age = _plain(given) or _parsed(given)
    problem = judge(path, max_age)
    print(problem or f"{path}: alive", file=sys.stderr if problem else sys.stdout)
    return 1 if problem else 0


def _plain(given: list[str]) -> tuple[str, float] | None:
    """The usual arguments, read without argparse, whose import takes longer than all the rest."""
    match given:
        case [path, "--max-age", age] if age.isdecimal() and int(age) and not path.startswith("-"):
            return path, float(age)
        case [path] if not path.startswith("-"):
            return path, MAX_AGE_SECONDS
    return None


def _parsed(given: list[str]) -> tuple[str, float]:
    import argparse

    from outbox_core.process.arguments import seconds

    parser = argparse.ArgumentParser("python -m outbox_core.probe", description=__doc__)
    parser.add_argument("path", metavar="PATH", help="the process's --liveness-file")
    parser.add_argument(
        "--max-age",
        type=seconds,
        default=MAX_AGE_SECONDS,
        metavar="SECONDS",
        help="how long the loop may be without progress (default: %(default)g); more than the longest "
        "handler or statement takes",
    )
    options = parser.parse_args(given)
    return options.path, options.max_age


def judge(path: str | os.PathLike[str], max_age: float) -> str:
    """The problem of the process with this liveness file; empty if there is none."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return f"{path} is not a file: give the path that the process has as --liveness-file."
        name = _printable(path)
    except FileNotFoundError:
        return f"{path} does not exist: the process is starting, has ended, or runs without --liveness-file."
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    age = time.time() - status.st_mtime
    if age > max_age:
        return f"{path}: {name} has made no progress for {age:.0f} s, more than {max_age:g} s."
    if age < -max(max_age, CLOCK_TOLERANCE_SECONDS):
        return f"{path}: {name} made progress in the future: the clock was set back, and it hangs."
    return ""


def _printable(path: str | os.PathLike[str]) -> str:
    with open(path, "rb") as file:
        text = file.read(200).decode("ascii", "replace")
    return "".join(letter for letter in text if letter.isprintable()) or "the process"


if __name__ == "__main__":
    sys.exit(main())
