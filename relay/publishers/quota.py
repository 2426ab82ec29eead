"""Waiting for what a broker's quota asks of this client (KIP-219), instead of working against it."""

from __future__ import annotations

import time

from relay.errors import Throttled


def wait_for_quota(throttled: float, seconds: float) -> None:
    """Wait until the broker wants to hear from this client again, in ``throttled`` seconds; at most
    ``seconds``. Raises Throttled when it takes longer.
    """
    if throttled > 0:
        time.sleep(min(throttled, seconds))
    if throttled > seconds:
        raise Throttled(
            f"The quota of this client makes it wait {throttled:.0f} s; raise producer_byte_rate if needed."
        )
