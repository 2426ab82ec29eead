"""Events of known number, straight into Kafka: some of them poison, some of them sent again."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from outbox.write.uuid7 import uuid7
from outbox_core.wire.encode import BinaryEncoder, Record, Row

KEYS = 20
FRAIL_KEYS = 6
"""So many of them have poison among their events; the others never stop."""
POISON = (
    "refused", "error", "constraint", "rotten",
    "currval", "timeout", "deadlock", "webhook", "later", "cancelled", "exit", "commit", "rollback",
    "swallowed", "committed", "undone", "dies",
)  # fmt: skip
"""``rotten`` can never be read and is discarded in the end; for the others there are antidotes."""
RARE = "dies"
ACK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sent:
    """An event that Kafka has acknowledged, the ``n``-th of its topic and key."""

    event_id: UUID
    topic: str
    key: str
    n: int
    poison: str
    value: bytes | None


class Producer:
    """Sends bursts until ``close``; one is sent again, as it is, until Kafka has it whole."""

    def __init__(self, bootstrap_servers: str, topics: Sequence[str], seed: int, *, pace: float) -> None:
        self.sent: dict[UUID, Sent] = {}
        self.again = 0
        self.acknowledged: dict[TopicPartition, float] = {}
        """When a record of each partition was acknowledged last."""
        self.places: dict[TopicPartition, dict[int, UUID]] = defaultdict(dict)
        """Which event is at which offset, as far as it was acknowledged."""
        self._servers = bootstrap_servers.split(",")
        self._topics = list(topics)
        self._chance = random.Random(seed)
        self._pace = pace
        self._numbers: dict[tuple[str, str], int] = defaultdict(int)
        self._recent: deque[Record] = deque(maxlen=300)
        self._encode = BinaryEncoder("/torture")
        self._stop = threading.Event()
        self._burst = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)
        self._client: Any = None

    def start(self) -> None:
        self._client = KafkaProducer(bootstrap_servers=self._servers, acks="all", enable_idempotence=True)
        self._thread.start()

    def close(self) -> None:
        """End behind the burst that is under way; to be called when Kafka answers."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._client is not None:
            self._client.close()
            self._client = None

    def _run(self) -> None:
        while not self._stop.wait(self._chance.expovariate(1 / self._pace)):
            with self._burst:
                self._send_burst()

    def _send_burst(self) -> None:
        burst = [self._next() for _ in range(self._chance.choice([1, 1, 2, 5, 20]))]
        records = [self._encoded(sent) for sent in burst]
        if self._recent and self._chance.random() < 0.3:
            records.append(self._chance.choice(self._recent))
            self.again += 1
        while not self._deliver(records):
            self.again += len(records)
        self._recent += records
        self.sent |= {sent.event_id: sent for sent in burst}

    def pause(self) -> AbstractContextManager[object]:
        """Between two bursts."""
        return self._burst

    def _deliver(self, records: Sequence[Record]) -> bool:
        try:
            futures = [
                self._client.send(record.topic, key=record.key, value=record.value, headers=record.headers)
                for record in records
            ]
            for record, future in zip(records, futures, strict=True):
                stored = future.get(timeout=ACK_SECONDS)
                partition = TopicPartition(stored.topic, stored.partition)
                self.acknowledged[partition] = time.time()
                self.places[partition][stored.offset] = UUID(dict(record.headers)["ce_id"].decode())
        except KafkaError:
            return False
        return True

    def _next(self) -> Sent:
        topic, number = self._chance.choice(self._topics), self._chance.randrange(KEYS)
        key = f"k{number}"
        self._numbers[topic, key] += 1
        poison = ""
        if number < FRAIL_KEYS and self._chance.random() < 0.1:
            poison = self._chance.choice(POISON)
            if poison == RARE and self._chance.random() < 0.7:
                poison = "error"
        value = self._value(poison)
        return Sent(uuid7(), topic, key, self._numbers[topic, key], poison, value)

    def _value(self, poison: str) -> bytes | None:
        if poison == "rotten":
            return b"\xff\x00 no JSON"
        if not poison and self._chance.random() < 0.03:
            return None
        return msgspec.json.encode({"poison": poison})

    def _encoded(self, sent: Sent) -> Record:
        return self._encode(
            Row(
                id=sent.n,
                topic=sent.topic,
                key=sent.key,
                type="torture.many" if sent.n % 3 else "torture.step",
                subject=None,
                content_type="application/json",
                event_id=str(sent.event_id),
                payload=sent.value,
                headers="{}",
                created_at="2000-01-01T00:00:00Z",
            )
        )
