"""What Kafka holds, read by a consumer that knows nothing of the relay: every partition, start to end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition

from tests.torture.ledger import digest

POLL_MS = 1_000


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
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap_servers.split(","),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        group_id=None,
    )
    try:
        parts = [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        consumer.assign(parts)
        found: dict[TopicPartition, list[Record]] = {part: [] for part in parts}
        for part, records in _polled(consumer, parts):
            found[part] += map(_record, records)
        return [record for part in parts for record in found[part]]
    finally:
        consumer.close()


def _polled(
    consumer: KafkaConsumer, parts: Sequence[TopicPartition]
) -> Iterator[tuple[TopicPartition, Sequence[Any]]]:
    ends = consumer.end_offsets(parts)
    consumer.seek_to_beginning(*parts)
    while any(consumer.position(part) < ends[part] for part in parts):
        yield from consumer.poll(timeout_ms=POLL_MS).items()


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
