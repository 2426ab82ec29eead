"""A topic of a test's own in Kafka, and readers of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer

from inbox.kafka import KafkaSource
from inbox.kafka.clients import connections
from inbox.memory import MemoryOffsets
from inbox.source import Source
from outbox_core.kafka_options import BY_NAME, CONSUMER, KAFKA_PYTHON, SERVERS
from outbox_core.kafka_translation import resolve
from outbox_core.wire.consumed import ConsumerRecord
from tests.waiting import wait_until


class KafkaTopic:
    def __init__(self, servers: str, topic: str, client: str = KAFKA_PYTHON) -> None:
        self.topic = topic
        self.client = client
        self._servers = servers
        self.group = f"test.{secrets.token_hex(4)}"
        self._producer = KafkaProducer(bootstrap_servers=servers)
        self._opened: list[KafkaSource] = []
        self.offsets = MemoryOffsets()

    def write(
        self,
        *values: bytes | None,
        key: bytes | None = b"k",
        partition: int = 0,
        headers: Sequence[tuple[str, bytes]] = (("h", b"1"),),
        timestamp: datetime | None = None,
    ) -> None:
        at = int(timestamp.timestamp() * 1000) if timestamp else None
        what: dict[str, Any] = {"key": key, "partition": partition, "timestamp_ms": at}
        for value in values:
            self._producer.send(self.topic, value=value, headers=[*headers], **what)
        self._producer.flush()

    def open(self, *topics: str, **options: Any) -> KafkaSource:
        source = KafkaSource(
            "test",
            connections(self.client, [self._servers], self._options(options), self.group),
            topics=topics or (self.topic,),
            offsets=self.offsets,
        )
        self._opened.append(source)
        return source

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        given = {
            SERVERS: self._servers,
            "heartbeat_interval_ms": 300,
            "session_timeout_ms": 6000,
            "fetch_max_wait_ms": 100,
            "metadata_max_age_ms": 500,
            **options,
        }
        found, wrong = resolve(("", {}), ("", given), client=self.client, side=CONSUMER)
        assert not wrong
        return {n: value for n, value in found.items() if n not in BY_NAME or BY_NAME[n].python != SERVERS}

    def cluster(self) -> str:
        admin = KafkaAdminClient(bootstrap_servers=self._servers)
        try:
            return str(admin.describe_cluster()["cluster_id"])
        finally:
            admin.close()

    def close(self) -> None:
        for source in self._opened:
            source.close()
        self._producer.close()


def read(source: Source, count: int, seconds: float = 20.0) -> list[ConsumerRecord]:
    records: list[ConsumerRecord] = []

    def enough() -> bool:
        records.extend(source.poll(0.1))
        return len(records) >= count

    wait_until(enough, seconds, f"{count} records, there are {len(records)}")
    return records


def values(records: list[ConsumerRecord]) -> list[bytes | None]:
    return [record.value for record in records]
