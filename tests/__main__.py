"""Runs all tests, in two processes side by side; with arguments, runs pytest with them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest"]
FIRST, REST = "acceptance", "not acceptance"


def main(arguments: list[str]) -> int:
    """Both halves wait more than they work. Each has services of its own, because transaction ids belong to a
    whole server and many tests count them. Whole processes have to be in time with their leases and sessions,
    so the other half has a lower priority.
    """
    if arguments or "DATABASE_URL" in os.environ:
        return subprocess.call([*PYTEST, *arguments])
    with tempfile.TemporaryFile() as output:
        slower = ["nice", "-n", "5", *PYTEST, "-m", REST]
        with subprocess.Popen(slower, stdout=output, stderr=subprocess.STDOUT) as rest:
            failed = subprocess.call([*PYTEST, "-m", FIRST]) != 0
            print("waiting for the other half", flush=True)
            failed |= rest.wait() != 0
        output.seek(0)
        sys.stdout.buffer.write(output.read())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
