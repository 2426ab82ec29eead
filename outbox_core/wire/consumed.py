"""A record as a consumer reads it from Kafka; ``encode.Record`` is one that a relay writes."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Self

import msgspec


class ConsumerRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record as Kafka delivered it; ``timestamp`` in milliseconds since 1970, -1 if it has none."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = -1

    @classmethod
    def of(cls, record: Any) -> Self:
        """A record of kafka-python, whose fields have the same names."""
        return cls(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
            timestamp=record.timestamp,
        )

    @property
    def place(self) -> tuple[str, int]:
        """Its topic and partition."""
        return self.topic, self.partition

    @property
    def coordinates(self) -> str:
        """What identifies it in its topic if its producer does not: partition, offset and timestamp. Offsets
        of a topic that is deleted and created again begin at 0 again.
        """
        return f"{self.partition}/{self.offset}/{self.timestamp}"

    @property
    def key_hash(self) -> int | None:
        """What must stay in order: a number for the topic and key, None for a record without a key."""
        if self.key is None:
            return None
        digest = blake2b(self.topic.encode() + b"\0" + self.key, digest_size=8).digest()
        return int.from_bytes(digest, signed=True)

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} offset {self.offset}"
