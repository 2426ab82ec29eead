"""The event that a record claims to be, and how the record differs from the row of that event. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, get_args

from outbox_core.errors import InvalidEvent
from outbox_core.wire.attributes import printable
from outbox_core.wire.careful import Contents, contents
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.encode import BinaryEncoder, Extension, Row, StructuredEncoder

NO_ID = 0
LARGEST_ID = 2**63 - 1
OPTIONAL = get_args(Extension)
IN_VALUE = b"application/cloudevents"


class Claim(NamedTuple):
    """A record, and the event that it claims to be. ``id`` is NO_ID if it has no usable sequence."""

    record: ConsumerRecord
    id: int
    event_id: str
    type: str
    source: str
    time: str
    replay: bool

    @property
    def key(self) -> bytes:
        return self.record.key or b""

    @property
    def where(self) -> str:
        return f"partition {self.record.partition} offset {self.record.offset}"


def claim(record: ConsumerRecord) -> Claim | None:
    """The claim of a record; None if it is not an event that can be read."""
    try:
        attributes = contents(record.headers, record.value).attributes
    except InvalidEvent:
        return None
    sequence = attributes.get("sequence", "")
    number = int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) <= 20 else NO_ID
    return Claim(
        record,
        number if number <= LARGEST_ID else NO_ID,
        attributes.get("id", ""),
        attributes.get("type", ""),
        attributes.get("source", ""),
        attributes.get("time", ""),
        "replay" in attributes,
    )


class Comparison:
    """Compares records with rows as the relay encodes them, in the mode that the record has."""

    def __init__(self, source: str) -> None:
        self._likely = BinaryEncoder(source)
        self._binary = BinaryEncoder(source, OPTIONAL)
        self._structured = StructuredEncoder(source, OPTIONAL)

    def differences(self, row: Row, found: Claim) -> list[str]:
        """The differences as text; empty if record and row are the same event with the same bytes."""
        record = found.record
        expected = self._likely(row)
        if (
            record.value == expected.value
            and record.key == expected.key
            and record.topic == expected.topic
            and record.headers == tuple(expected.headers)
        ):
            return []
        structured = any(
            name == "content-type" and (value or b"").startswith(IN_VALUE) for name, value in record.headers
        )
        expected = self._structured(row) if structured else self._binary(row)
        ours, theirs = contents(expected.headers, expected.value), contents(record.headers, record.value)
        for name in set(OPTIONAL) - theirs.attributes.keys():  # RELAY may have asked for others then
            ours.attributes.pop(name)
        if found.replay:
            theirs.attributes.pop("replay")
        return [*_of_record(record, expected.topic, expected.key, found), *_of_contents(ours, theirs)]


def _of_record(record: ConsumerRecord, topic: str, key: bytes, found: Claim) -> Iterator[str]:
    if record.topic != topic and not found.replay:  # a replay may go elsewhere
        yield f"it belongs to topic {topic}"
    if record.key != key:
        yield f"the key is {printable(found.key)!r} instead of {printable(key)!r}"


def _of_contents(ours: Contents, theirs: Contents) -> Iterator[str]:
    for name in sorted(ours.attributes.keys() | theirs.attributes.keys()):
        right, wrong = ours.attributes.get(name), theirs.attributes.get(name)
        if right != wrong:
            yield f"{name} is {wrong!r} instead of {right!r}"
    if ours.content_type != theirs.content_type:
        yield f"the content type is {theirs.content_type!r} instead of {ours.content_type!r}"
    if ours.data != theirs.data:
        yield f"the payload has other bytes ({_size(theirs.data)} instead of {_size(ours.data)})"


def _size(data: bytes | None) -> str:
    return "none" if data is None else f"{len(data):,}"
