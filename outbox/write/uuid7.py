"""UUID version 7: ordered by time, so that their unique index grows at one end."""

from __future__ import annotations

import os
from threading import Lock
from time import time_ns
from uuid import UUID

_VERSION = 7 << 76
_VARIANT = 2 << 62
_RANDOM = (1 << 62) - 1

_lock = Lock()
_last = 0


def uuid7() -> UUID:
    """A new UUID, greater than every earlier one of this process (RFC 9562, section 5.7; 6.2 method 3). It
    has 48 bits of milliseconds, 12 bits of their fraction (about 250 ns each), and 62 random bits.
    """
    global _last
    milliseconds, nanoseconds = divmod(time_ns(), 1_000_000)
    tick = (milliseconds << 12) | (nanoseconds << 12) // 1_000_000
    with _lock:
        _last = tick = max(tick, _last + 1)
    random = int.from_bytes(os.urandom(8)) & _RANDOM
    return UUID(int=(tick >> 12) << 80 | _VERSION | (tick & 0xFFF) << 64 | _VARIANT | random)
