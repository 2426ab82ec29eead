"""A steady load: transactions with one event each at random times, and when a consumer has it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.db import transaction

from outbox.write.emit import insert
from outbox.write.row import NewRow
from relay.bench.figures import Delays
from relay.bench.ground import Ground
from relay.bench.load import Load, number_of

FIRST = 10_000_000
"""Numbers that nothing else has on the topic."""
POLL_MILLISECONDS = 100
Arrivals = dict[int, float]


def steady(ground: Ground, load: Load, per_second: float, seconds: float) -> tuple[Delays, Delays]:
    """How long the transactions took, and then the events from their commit to the consumer.

    Raises BenchTimedOut.
    """
    with _arrivals(ground) as arrived:
        _commit(ground, load.row(FIRST))  # when this event arrives, relay and consumer know the topic
        ground.wait(lambda: FIRST in arrived, "the first event has not reached the consumer")
        took, committed = _paced(ground, load, per_second, seconds)
        ground.wait(lambda: committed.keys() <= arrived.keys(), "not all events have reached the consumer")
    return Delays.of(took), Delays.of([arrived[each] - since for each, since in committed.items()])


def _paced(ground: Ground, load: Load, per_second: float, seconds: float) -> tuple[list[float], Arrivals]:
    chance, at = random.Random(1), time.monotonic()
    took, committed = list[float](), Arrivals()
    for number in range(FIRST + 1, FIRST + 1 + max(2, int(per_second * seconds))):
        at += chance.expovariate(per_second)
        time.sleep(max(0.0, at - time.monotonic()))
        took.append(_commit(ground, load.row(number)))
        committed[number] = time.monotonic()
        ground.check_time("the load was not written")
    return took, committed


def _commit(ground: Ground, row: NewRow) -> float:
    start = time.perf_counter()
    with transaction.atomic(using=ground.database):
        insert([row], ground.database)
    return time.perf_counter() - start


@contextmanager
def _arrivals(ground: Ground) -> Iterator[Arrivals]:
    """When each event was read, while the block runs."""
    arrived, stop = Arrivals(), threading.Event()
    with closing(ground.topic.consumer()) as consumer:
        reader = threading.Thread(target=_read, args=(consumer, arrived, stop), name="consumer")
        reader.start()
        try:
            yield arrived
        finally:
            stop.set()
            reader.join()


def _read(consumer: Any, arrived: Arrivals, stop: threading.Event) -> None:
    while not stop.is_set():
        polled = consumer.poll(POLL_MILLISECONDS)
        now = time.monotonic()
        for records in polled.values():
            for record in records:
                arrived.setdefault(number_of(record.value), now)
