"""Waits as long as a broker's quota asks this client to (KIP-219)."""

from __future__ import annotations

import time

from relay.errors import Throttled


def wait_for_quota(throttled: float, seconds: float) -> None:
    """Wait ``throttled`` seconds, until the broker accepts requests again, but at most ``seconds``. Raises
    Throttled when it takes longer.
    """
    if throttled > 0:
        time.sleep(min(throttled, seconds))
    if throttled > seconds:
        raise Throttled(
            f"The quota of this client makes it wait {throttled:.0f} s; raise producer_byte_rate if needed."
        )
