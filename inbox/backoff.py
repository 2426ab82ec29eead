from __future__ import annotations

import random
from collections.abc import Iterator


def delays(first: float = 0.1, longest: float = 2.0) -> Iterator[float]:
    """Seconds to wait before each next attempt: doubling up to ``longest``, cut at random by up to half."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.0)
        delay = min(delay * 2, longest)
