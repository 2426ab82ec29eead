"""Runs all tests, in three processes side by side; with arguments, runs pytest with them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

PYTEST = [sys.executable, "-m", "pytest"]
KAFKA = ["tests/inbox", "tests/publishers", "tests/relay", "tests/torture", "tests/upgrade"]
"""Folders of tests that wait for Kafka rather than for the database."""
FIRST = ["-m", "acceptance"]
OTHERS = (
    ["-m", "not acceptance", *KAFKA],
    ["-m", "not acceptance", *(f"--ignore={folder}" for folder in KAFKA)],
)


def main(arguments: list[str]) -> int:
    """All three wait more than they work. Each has services of its own, because transaction ids belong to a
    whole server and many tests count them. Whole processes have to be in time with their leases and sessions,
    so the others have a much lower priority.
    """
    if arguments or "DATABASE_URL" in os.environ:
        return subprocess.call([*PYTEST, *arguments])
    with ExitStack() as running:
        others = [running.enter_context(_beside(part)) for part in OTHERS]
        failed = subprocess.call([*PYTEST, *FIRST]) != 0
        for follow in others:
            failed |= follow() != 0
    return int(failed)


@contextmanager
def _beside(part: Sequence[str]) -> Iterator[Callable[[], int]]:
    """Run a part of the tests. Yields a function that prints its output, also what is still to come, and
    returns its exit code.
    """
    slower = ["nice", "-n", "15", *PYTEST, *part]
    with (
        tempfile.NamedTemporaryFile() as output,
        subprocess.Popen(slower, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        yield partial(_follow, process, output.name)


def _follow(process: subprocess.Popen[bytes], output: str) -> int:
    with open(output, "rb") as printed:
        while process.poll() is None:
            _show(printed.read())
            time.sleep(1)
        _show(printed.read())
    return process.returncode


def _show(printed: bytes) -> None:
    sys.stdout.buffer.write(printed)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
