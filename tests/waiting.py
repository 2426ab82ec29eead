"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(predicate: Callable[[], object], timeout: float, message: str, *, every: float = 0.05) -> None:
    """Return when ``predicate`` holds; fail with ``message`` if it does not within ``timeout`` seconds.

    It is asked ``every`` so many seconds. Where a clock of the test's own passes, 0 is enough.
    """
    deadline = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < deadline, f"Not within {timeout} s: {message}"
        time.sleep(every)
