"""Kafka's own log of some topics, read by a consumer that belongs to no group."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, TopicPartition

READ_SECONDS = 120.0


def records_of(bootstrap_servers: str, *topics: str) -> list[Any]:
    """All records up to the present end, partition by partition, as kafka-python has them."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap_servers.split(","), isolation_level="read_committed", group_id=None
    )
    with closing(consumer):
        parts = [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        consumer.assign(parts)
        return [record for records in _read(consumer, parts).values() for record in records]


def _read(consumer: KafkaConsumer, parts: list[TopicPartition]) -> dict[TopicPartition, list[Any]]:
    found: dict[TopicPartition, list[Any]] = {part: [] for part in parts}
    ends = consumer.end_offsets(parts)
    consumer.seek_to_beginning(*parts)
    deadline = time.monotonic() + READ_SECONDS
    while any(consumer.position(part) < ends[part] for part in parts):
        assert time.monotonic() < deadline, f"Not read within {READ_SECONDS:.0f} s: {ends}"
        for part, records in consumer.poll(timeout_ms=500).items():
            found[part] += records
    return found
