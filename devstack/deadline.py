"""Waits for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


def reached(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Poll ``condition`` until it holds; False when it did not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
