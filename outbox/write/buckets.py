"""The bucket of a key, which assigns its events to a shard."""

from __future__ import annotations

from zlib import crc32

BUCKETS = 256


def bucket_of(key: str) -> int:
    """A stable hash of ``key``, 0 to 255. Rows store it, so it must never change."""
    return crc32(key.encode()) % BUCKETS
