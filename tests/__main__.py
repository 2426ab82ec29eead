"""Runs all tests, in two processes side by side; with arguments, runs pytest with them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import BinaryIO

PYTEST = [sys.executable, "-m", "pytest"]
FIRST, REST = "acceptance", "not acceptance"


def main(arguments: list[str]) -> int:
    """Both halves wait more than they work. Each has services of its own, because transaction ids belong to a
    whole server and many tests count them. Whole processes have to be in time with their leases and sessions,
    so the other half has a lower priority.
    """
    if arguments or "DATABASE_URL" in os.environ:
        return subprocess.call([*PYTEST, *arguments])
    with tempfile.NamedTemporaryFile() as output:
        slower = ["nice", "-n", "5", *PYTEST, "-m", REST]
        with subprocess.Popen(slower, stdout=output, stderr=subprocess.STDOUT) as rest:
            failed = subprocess.call([*PYTEST, "-m", FIRST]) != 0
            with open(output.name, "rb") as printed:
                while rest.poll() is None:
                    _show(printed)
                    time.sleep(1)
                _show(printed)
            failed |= rest.returncode != 0
    return int(failed)


def _show(printed: BinaryIO) -> None:
    """Prints what came since; one who waits for the other half sees how far it is."""
    sys.stdout.buffer.write(printed.read())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
