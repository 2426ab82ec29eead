"""From COMMIT until a consumer has the event, under a steady load."""

from __future__ import annotations

import multiprocessing
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
from kafka import KafkaConsumer

from benchmarks.ground import address, bootstrap, fill, running_relay, topic

LOADS = ((20, 20.0), (1_000, 10.0), (5_000, 10.0))
"""Events a second, and for how many seconds. Commits come at random times, as those of many clients do."""
MOST_COMMITS = 1_000
"""A second; at a higher load a transaction has several events."""
SETTLE, BEGINS, WAIT = 2.0, 1.0, 60.0
"""Seconds of silence before the load, of its beginning, which does not count, and until the last arrival."""
INSERT = """
    INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, payload, headers)
    SELECT i %% 256, %(topic)s, 'key-' || i %% 1000, 'bench.event.happened', 'application/json',
           gen_random_uuid(), convert_to(i || ' ' || repeat('x', 180), 'UTF8'), '{}'
    FROM generate_series(%(first)s::int, %(last)s::int) AS i
"""


def run() -> Iterator[str]:
    for load, seconds in LOADS:
        name = topic()
        consumer = KafkaConsumer(name, bootstrap_servers=bootstrap(), auto_offset_reset="earliest")
        with running_relay() as process:
            fill(name, 1, 1)  # the relay and the consumer know the topic
            while not consumer.poll(1_000):
                pass
            time.sleep(SETTLE)
            watched = psutil.Process(process.pid)
            cpu, since = _cpu(watched), time.monotonic()
            delays = _delays(consumer, name, load, seconds)
            used = (_cpu(watched) - cpu) / (time.monotonic() - since)
        consumer.close()
        p50, p95, p99 = (statistics.quantiles(delays, n=100)[at - 1] * 1000 for at in (50, 95, 99))
        yield (
            f"{load:,} events a second: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, "
            f"longest {max(delays) * 1000:.0f} ms; the relay takes {used:.1%} of a core"
        )


def _cpu(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _delays(consumer: Any, name: str, load: int, seconds: float) -> list[float]:
    """The seconds from the COMMIT of each event until this process has its record."""
    context = multiprocessing.get_context("spawn")
    queue: Any = context.SimpleQueue()
    writer = context.Process(target=_write, args=(address(), name, load, seconds, queue))
    writer.start()
    arrived: dict[int, float] = {}
    count, until = int(load * (BEGINS + seconds)), time.monotonic() + seconds + WAIT
    while len(arrived) < count and time.monotonic() < until:
        polled = consumer.poll(1_000)
        now = time.monotonic()
        for records in polled.values():
            arrived.update((int(record.value.partition(b" ")[0]), now) for record in records)
    committed = queue.get()
    writer.join()
    return [arrived[number] - at for number, at in committed.items() if number > load * BEGINS]


def _write(database: dict[str, Any], name: str, load: int, seconds: float, queue: Any) -> None:
    """Commit events at random times, and report when each was committed."""
    size = max(1, load // MOST_COMMITS)
    committed: dict[int, float] = {}
    chance, at = random.Random(1), time.monotonic()
    with psycopg.connect(**database, autocommit=True) as connection:
        for first in range(1, int(load * (BEGINS + seconds)) + 1, size):
            at += chance.expovariate(load / size)
            time.sleep(max(0.0, at - time.monotonic()))
            last = first + size - 1
            connection.execute(INSERT, {"topic": name, "first": first, "last": last}, prepare=True)
            committed.update(dict.fromkeys(range(first, last + 1), time.monotonic()))
    queue.put(committed)
