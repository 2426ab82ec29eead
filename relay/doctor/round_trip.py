"""The round trip: a test record, published as the relay publishes, and read back."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from uuid import uuid4

from outbox.conf import settings as outbox_settings
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor import round_trip as doctors
from outbox_core.operations.doctor.cluster import Inspector
from outbox_core.operations.doctor.kafka import ASK_SECONDS
from outbox_core.operations.doctor.probe_record import probe_record
from outbox_core.operations.doctor.step import Note
from outbox_core.wire.encode import Record
from relay.conf import settings
from relay.errors import PublisherUnavailable
from relay.publishers import base
from relay.publishers.base import Failure, Publisher

CLOSE_SECONDS = 2.0
RETRY_SECONDS = 0.2
DELIVERY_SECONDS = 20.0
"""The default of both publishers."""


def seconds() -> float:
    """How long it may take. The first wave of a new producer may take twice DELIVERY_SECONDS, and one that
    failed is published again. Inspectors answer five times.
    """
    return 7 * ASK_SECONDS + 2 * (settings().delivery_seconds or DELIVERY_SECONDS)


def round_trip(
    topic: str,
    make: Callable[[], Publisher],
    inspector: Inspector | None,
    *,
    events: Collection[str] = (),
) -> Iterator[Note]:
    """See outbox_core.operations.doctor.round_trip. ``make`` makes the publisher."""
    record = probe_record(topic, str(uuid4()), outbox_settings().source, settings().content_mode)
    return doctors.round_trip(record, partial(_publish, make), inspector, events=events)


def _publish(make: Callable[[], Publisher], record: Record) -> None:
    publisher = make()
    try:
        failure = _published(publisher, record)
    finally:
        publisher.close(CLOSE_SECONDS)
    if failure is not None:
        raise KafkaUnreachable(failure.detail)


def _published(publisher: Publisher, record: Record) -> Failure | None:
    """Publish it as the relay does: what may pass quickly, such as a change of the leader, is tried again."""
    deadline = time.monotonic() + ASK_SECONDS
    while True:
        late = time.monotonic() > deadline
        try:
            publisher.prepare([record.topic])
            failure = publisher.publish([record])[0]
        except PublisherUnavailable as error:
            if late:
                raise KafkaUnreachable(str(error)) from error
        else:
            if failure is None or failure.trouble is not base.Trouble.RETRIABLE or late:
                return failure
        time.sleep(RETRY_SECONDS)
