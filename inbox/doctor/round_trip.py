"""The round trip: a test record, written with the inbox's own login, and read back."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from inbox.doctor.inspector import Inspector
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.cluster import Trouble
from outbox_core.operations.doctor.probe_record import probe_record
from outbox_core.operations.doctor.reading_back import ends, not_acknowledged, read_back
from outbox_core.operations.doctor.step import Said, failed

SOURCE = "/inbox-doctor"


def round_trip(topic: str, inspector: Inspector) -> Iterator[Said]:
    """Write a record to a topic that exists, wait for its acknowledgement, and read it."""
    if inspector.topics([topic])[0].trouble is Trouble.MISSING:
        yield failed(f"Topic {topic} does not exist.", "Name one that exists.")
        return
    before = ends(inspector, topic)
    record = probe_record(topic, str(uuid4()), SOURCE)
    try:
        inspector.write(*record)
    except KafkaUnreachable as error:
        yield not_acknowledged(str(error))
        return
    yield f"{topic} acknowledged a record"
    yield from read_back(inspector, topic, before, record.key)
