"""The limit to compare with: the producer's own send(), with the same records as the relay."""

from __future__ import annotations

import gc
import time

from kafka import KafkaProducer

from benchmarks.ground import bootstrap
from outbox_core.wire.encode import BinaryEncoder, Record, Row


def records(topic: str, events: int, keys: int) -> list[Record]:
    """Records as ``ground.fill`` makes them."""
    encode = BinaryEncoder("/shop")
    text = "x" * 180
    return [
        encode(
            Row(
                number,
                topic,
                f"key-{number % keys}",
                "bench.event.happened",
                None,
                "application/json",
                "00000000-0000-7000-8000-000000000000",
                b'{"number":%d,"text":"%s"}' % (number, text.encode()),
                "{}",
                "2026-01-01T00:00:00.000000Z",
            )
        )
        for number in range(events)
    ]


def send_rate(topic: str, events: int, keys: int, *, headers: bool = True) -> float:
    """Events a second of a KafkaProducer with acks=all and idempotence that is given records as fast as it
    takes them.
    """
    batch = records(topic, events, keys)
    producer = KafkaProducer(
        bootstrap_servers=bootstrap(), acks="all", enable_idempotence=True, batch_size=262_144, linger_ms=5
    )
    producer.partitions_for(topic)
    gc.collect()
    gc.freeze()  # the relay does not run the collector on unsent records either
    start = time.perf_counter()
    for record in batch:
        producer.send(record.topic, record.value, record.key, record.headers if headers else None)
    producer.flush()
    seconds = time.perf_counter() - start
    producer.close()
    gc.unfreeze()
    return events / seconds
