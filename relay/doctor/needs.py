"""What the registered events need from their topics."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from outbox.conf import settings as outbox_settings
from outbox.operations.registered import topics
from outbox.write.registry import EventType
from outbox_core.operations.doctor.probe_record import probe_record
from outbox_core.operations.doctor.topics import Needs
from relay.conf import settings
from relay.publishers.base import BATCH_HEADER, size

WRITING = ("WRITE", "DESCRIBE")
KEY_OF_USUAL_LENGTH = "0" * 36


def needs(*, creates: bool) -> Mapping[str, Needs]:
    """By topic. ``creates``: whether the client asks the broker for topics that do not exist."""
    largest = record_bytes(outbox_settings().max_event_bytes)
    return {topic: _needs(types, creates, largest) for topic, types in topics().items()}


def _needs(types: Collection[EventType], creates: bool, largest: int) -> Needs:
    return Needs(
        operations=WRITING,
        writes=True,
        creates=creates,
        record_bytes=largest if any(not each.tombstone for each in types) else None,
        tombstones=any(each.tombstone for each in types),
        states=any(not each.tombstone for each in types),
    )


def record_bytes(payload_bytes: int) -> int:
    """The bytes of a batch with one event whose payload has so many bytes."""
    source, mode = outbox_settings().source, settings().content_mode
    record = probe_record("", KEY_OF_USUAL_LENGTH, source, mode, payload=b"0" * payload_bytes)
    return BATCH_HEADER + size(record)
