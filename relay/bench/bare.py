"""The limit of a relay: its publisher alone, with the same records and no log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from django.db import transaction

from outbox.log import rows
from outbox.write.emit import insert
from outbox_core.wire.encode import Record
from relay.bench.figures import Rate
from relay.bench.ground import Ground
from relay.bench.load import Load
from relay.conf import settings
from relay.errors import TopicRefused
from relay.publishers.base import Publisher, Trouble

RECORDS, WARM_UP, SECONDS, CLOSE_SECONDS = 20_000, 100, 2.0, 5.0


def bare(ground: Ground, load: Load, events: int) -> Rate:
    """Publish for SECONDS. Raises PublisherUnavailable, TopicRefused or BenchTimedOut."""
    records = _records(ground, load, min(events, RECORDS))
    publisher, sent = settings().make_publisher(), 0
    with ExitStack() as stack:
        stack.callback(publisher.close, CLOSE_SECONDS)
        _publish(ground, publisher, records[:WARM_UP])
        start, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - start < SECONDS:
            _publish(ground, publisher, records)
            sent += len(records)
        return Rate.of(sent, time.perf_counter() - start, time.process_time() - cpu)


def _records(ground: Ground, load: Load, count: int) -> list[Record]:
    """As a relay would make them of the rows."""
    with transaction.atomic(using=ground.database):
        insert(load.rows(count), ground.database)
        read = rows.read(ground.database, "page.id > %(after)s AND page.topic = %(topic)s", ground.own)
        transaction.set_rollback(True, using=ground.database)
    encode = settings().encoder(load.source)
    return [encode(row) for row in read]


def _publish(ground: Ground, publisher: Publisher, records: Sequence[Record]) -> None:
    publisher.prepare([ground.topic.name])
    done = 0
    while done < len(records):
        ground.check_time("the publisher has not sent its records")
        for outcome in publisher.publish(records[done:]):
            if outcome is not None and outcome.trouble is not Trouble.RETRIABLE:
                raise TopicRefused(f"Kafka does not take these records: {outcome.detail}")
            if outcome is not None:
                break
            done += 1
