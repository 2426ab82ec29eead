"""The round trip: a test record, published as the relay publishes, and read back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import uuid4

from outbox.conf import settings as outbox_settings
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.cluster import Inspector, Trouble
from outbox_core.operations.doctor.kafka import ASK_SECONDS
from outbox_core.operations.doctor.probe_record import probe_record
from outbox_core.operations.doctor.reading_back import ends, not_acknowledged, read_back
from outbox_core.operations.doctor.step import Said, failed
from outbox_core.people.humanize import milliseconds
from outbox_core.wire.encode import Record
from relay.conf import settings
from relay.errors import PublisherUnavailable
from relay.publishers import base
from relay.publishers.base import Failure, Publisher

CLOSE_SECONDS = 2.0
RETRY_SECONDS = 0.2


def round_trip(topic: str, make: Callable[[], Publisher], inspector: Inspector | None) -> Iterator[Said]:
    """Publish a record to a topic that exists, wait for its acknowledgement, and read it if there is an
    inspector.
    """
    if inspector and inspector.topics([topic])[0].trouble is Trouble.MISSING:
        yield failed(f"Topic {topic} does not exist.", "Name one that exists.")
        return
    record = probe_record(topic, str(uuid4()), outbox_settings().source, settings().content_mode)
    before = ends(inspector, topic) if inspector else ""
    publisher = make()
    since = time.monotonic()
    try:
        failure = _published(publisher, record)
    finally:
        publisher.close(CLOSE_SECONDS)
    if failure is not None:
        yield not_acknowledged(failure.detail)
        return
    yield f"{topic} acknowledged a record within {milliseconds((time.monotonic() - since) * 1000)}"
    if inspector:
        yield from read_back(inspector, topic, before, record.key)


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
