"""Attempt -> delay: exponential, capped, with full jitter on its upper half. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_SECONDS = 0.1


def delay(attempt: int, cap: float, *, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait before attempt number ``attempt`` (from 1): doubling from 0.1 s up to ``cap``, half of
    it at random.
    """
    longest = min(cap, FIRST_SECONDS * 2.0 ** min(attempt - 1, 30))
    return longest / 2 + chance() * longest / 2
