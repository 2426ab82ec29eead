"""The clock of leases: seconds since boot, including time in which the machine slept."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Seconds; neither adjusted nor stopped by a suspend, where the platform has CLOCK_BOOTTIME (Linux,
    clock_gettime(2)).
    """
    return time.clock_gettime(_CLOCK)
