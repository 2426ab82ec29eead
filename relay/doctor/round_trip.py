"""The round trip: a test record, published as the relay publishes, and read back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from outbox.conf import settings as outbox_settings
from outbox_core.errors import KafkaUnreachable
from outbox_core.kafka_reasons import remedy_of
from outbox_core.operations.doctor.cluster import Inspector, Trouble
from outbox_core.operations.doctor.kafka import ASK_SECONDS
from outbox_core.operations.doctor.reading_back import ends, read_back
from outbox_core.operations.doctor.step import Said, failed
from outbox_core.people.humanize import milliseconds
from outbox_core.wire.encode import Record, encoder
from relay.conf import settings
from relay.doctor.needs import row
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Publisher

CLOSE_SECONDS = 2.0


def test_record(topic: str, key: str) -> Record:
    """A valid CloudEvent, so that a consumer that meets it can say what it is."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    payload = json.dumps({"note": "A test of outbox_doctor. Ignore it."}).encode()
    return encoder(outbox_settings().source, settings().content_mode)(row(topic, payload, key, now))


def round_trip(topic: str, make: Callable[[], Publisher], inspector: Inspector) -> Iterator[Said]:
    """Publish a record to a topic that exists, wait for its acknowledgement, and read it."""
    if inspector.topics([topic])[0].trouble is Trouble.MISSING:
        yield failed(f"Topic {topic} does not exist.", "Name one that exists.")
        return
    record = test_record(topic, str(uuid4()))
    before = ends(inspector, topic)
    publisher = make()
    since = time.monotonic()
    try:
        failure = _published(publisher, record)
    finally:
        publisher.close(CLOSE_SECONDS)
    if failure is not None:
        remedy = remedy_of(failure.detail) or "See the steps above, and the broker's log."
        yield failed(f"The record was not acknowledged: {failure.detail.rstrip('.')}.", remedy)
        return
    yield f"{topic} acknowledged a record within {milliseconds((time.monotonic() - since) * 1000)}"
    yield from read_back(inspector, topic, before, record.key)


def _published(publisher: Publisher, record: Record) -> Failure | None:
    """Publish it as the relay does; its first connection may take a while."""
    deadline = time.monotonic() + ASK_SECONDS
    while True:
        try:
            publisher.prepare([record.topic])
        except PublisherUnavailable as error:
            if time.monotonic() > deadline:
                raise KafkaUnreachable(str(error)) from error
        else:
            return publisher.publish([record])[0]
