"""A steady load: events that are committed, or sent to Kafka without an outbox, at random times, as those of
many clients are. Run in a process of their own, so that they do not wait for whoever measures.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from benchmarks.bare import BARE
from benchmarks.ground import address, bootstrap

MOST_COMMITS = 1_000
"""A second; at a higher load a transaction has several events."""
INSERT = """
    INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, payload, headers)
    SELECT i %% 256, %(topic)s, 'key-' || i %% 1000, 'bench.event.happened', 'application/json',
           gen_random_uuid(), convert_to(i || ' ' || repeat('x', 180), 'UTF8'), '{}'
    FROM generate_series(%(first)s::int, %(last)s::int) AS i
"""
Target = Callable[[Any, str, int, float, Any], None]


class Load:
    """Writes ``load`` events a second to a topic, for so many seconds. ``target`` is ``commit`` or
    ``produce``.
    """

    def __init__(self, target: Target, topic: str, load: int, seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue: Any = context.SimpleQueue()
        where = address() if target is commit else bootstrap()
        self._process = context.Process(target=target, args=(where, topic, load, seconds, self._queue))
        self._process.start()

    @property
    def is_over(self) -> bool:
        return not self._queue.empty()

    def written(self) -> dict[int, float]:
        """When each event was committed or sent (monotonic), once all are."""
        times: dict[int, float] = self._queue.get()
        self._process.join()
        return times


def commit(database: dict[str, Any], topic: str, load: int, seconds: float, queue: Any) -> None:
    """Commit events to the outbox."""
    committed: dict[int, float] = {}
    with psycopg.connect(**database, autocommit=True) as connection:
        for first, last in _turns(load, seconds):
            connection.execute(INSERT, {"topic": topic, "first": first, "last": last}, prepare=True)
            committed.update(dict.fromkeys(range(first, last + 1), time.monotonic()))
    queue.put(committed)


def produce(servers: list[str], topic: str, load: int, seconds: float, queue: Any) -> None:
    """Send events to Kafka at once: what no outbox can be faster than."""
    from confluent_kafka import Producer

    producer = Producer({**BARE, "bootstrap.servers": ",".join(servers), "linger.ms": 0})
    sent: dict[int, float] = {}
    for first, last in _turns(load, seconds):
        for number in range(first, last + 1):
            producer.produce(topic, b"%d %s" % (number, b"x" * 180), b"key-%d" % (number % 1_000))
        sent.update(dict.fromkeys(range(first, last + 1), time.monotonic()))
        producer.poll(0)
    producer.flush()
    queue.put(sent)


def _turns(load: int, seconds: float) -> Iterator[tuple[int, int]]:
    """The first and the last number of the events of a moment, when it has come."""
    size = max(1, load // MOST_COMMITS)
    chance, at = random.Random(1), time.monotonic()
    for first in range(1, int(load * seconds) + 1, size):
        at += chance.expovariate(load / size)
        time.sleep(max(0.0, at - time.monotonic()))
        yield first, first + size - 1
