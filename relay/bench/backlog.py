"""A backlog that is committed at once, until all of it is published."""

from __future__ import annotations

import statistics
import time

from django.db import transaction

from outbox.models import OutboxEvent
from outbox.write.emit import insert
from relay.bench.figures import Rate
from relay.bench.ground import Ground
from relay.bench.load import Load

MANY = 1_000


def backlog(ground: Ground, load: Load, events: int) -> tuple[float, Rate]:
    """The milliseconds of writing 1,000 events with one call, and the rate of the relay.

    Raises BenchTimedOut.
    """
    with transaction.atomic(using=ground.database):
        took = [_write(ground, load, first, min(MANY, events - first)) for first in range(0, events, MANY)]
    start, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
    last = [number for (number,) in ground.run("bench/last_ids")]
    rows = OutboxEvent.objects.using(ground.database).filter(pk__in=last)
    ground.wait(lambda: rows.only_published().count() == len(last), "not all events are published")
    others = time.process_time() - cpu - (time.thread_time() - own)
    return round(statistics.median(took), 2), Rate.of(events, time.perf_counter() - start, others)


def _write(ground: Ground, load: Load, first: int, count: int) -> float:
    """The milliseconds that 1,000 of them take."""
    ground.check_time("the backlog was not written")
    rows = [load.row(number) for number in range(first, first + count)]
    start = time.perf_counter()
    insert(rows, ground.database)
    return (time.perf_counter() - start) / count * MANY * 1_000
