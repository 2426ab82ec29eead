"""The limit to compare with: the producer's own send(), with the same records as the relay."""

from __future__ import annotations

import gc
import time

from kafka import KafkaProducer

from benchmarks.ground import bootstrap
from outbox_core.wire.encode import BinaryEncoder, Record, Row

BARE = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",
    "linger.ms": 5,
    "batch.size": 1_000_000,
    "batch.num.messages": 100_000,
}
"""How the bare producer is set up."""


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


def confluent_rate(topic: str, keys: int, seconds: float = 5.0) -> tuple[float, float]:
    """Events a second of a confluent Producer with acks=all and idempotence, and the microseconds of CPU that
    it takes for one.
    """
    from confluent_kafka import Producer

    batch = records(topic, 20_000, keys)
    producer = Producer(
        {"bootstrap.servers": ",".join(bootstrap()), **BARE, "queue.buffering.max.messages": 2 * len(batch)}
    )
    producer.list_topics(topic, timeout=30)
    sent, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        for record in batch:
            producer.produce(record.topic, record.value, record.key, headers=record.headers)
        sent += len(batch)
        while len(producer) > len(batch):
            producer.poll(0.01)
    producer.flush()
    return sent / (time.perf_counter() - start), (time.process_time() - cpu) / sent * 1e6


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
