"""What Kafka holds, read by a consumer that knows nothing of the relay: every partition, start to end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.reading import records_of
from tests.torture.ledger import digest


@dataclass(frozen=True, slots=True)
class Record:
    """A record. ``sent_at`` is seconds since 1970; ``whole`` digests key, value and headers."""

    event_id: UUID
    topic: str
    partition: int
    key: str
    sent_at: float
    digest: bytes | None
    whole: bytes


def read(bootstrap_servers: str, topics: Sequence[str]) -> list[Record]:
    """All records of the topics, partition by partition, in the order of their offsets."""
    return [_record(record) for record in records_of(bootstrap_servers, *topics)]


def _record(record: Any) -> Record:
    headers = dict(record.headers)
    whole = hashlib.sha256(repr((record.key, record.value, record.headers)).encode()).digest()
    return Record(
        event_id=UUID(headers["ce_id"].decode()),
        topic=record.topic,
        partition=record.partition,
        key=record.key.decode(),
        sent_at=record.timestamp / 1000,
        digest=digest(record.value),
        whole=whole,
    )
