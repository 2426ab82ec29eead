"""The round trip: a test record, written as the client writes and read back. The broker's clock is compared
where the topic shows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping

from outbox_core.errors import KafkaUnreachable
from outbox_core.kafka_reasons import parted
from outbox_core.operations.doctor.cluster import Inspector, Trouble
from outbox_core.operations.doctor.postgresql import CLOCK_SECONDS
from outbox_core.operations.doctor.step import Note, failed, warning
from outbox_core.people.humanize import milliseconds
from outbox_core.wire.encode import Record

READ_SECONDS = 6.0
Ends = Mapping[int, int] | str
"""Where each partition ended before, or why that cannot be read."""


def round_trip(
    record: Record,
    write: Callable[[Record], None],
    inspector: Inspector | None,
    *,
    events: Collection[str] = (),
) -> Iterator[Note]:
    """Write a record to its topic, which must exist, wait for its acknowledgement, and read it if there is an
    inspector. Topics of ``events`` are refused. ``write`` raises KafkaUnreachable.
    """
    topic = record.topic
    if topic in events:
        yield failed(
            f"{topic} is a topic of events, whose consumers would get the test record.",
            "Name another topic, or add --even-events.",
        )
    elif inspector and inspector.topics([topic])[0].trouble is Trouble.MISSING:
        yield failed(f"Topic {topic} does not exist.", "Name one that exists.")
    else:
        yield from _there_and_back(record, write, inspector)


def _there_and_back(
    record: Record, write: Callable[[Record], None], inspector: Inspector | None
) -> Iterator[Note]:
    before = ends(inspector, record.topic) if inspector else ""
    since = time.monotonic()
    try:
        write(record)
    except KafkaUnreachable as error:
        text, remedy = parted(str(error))
        known = remedy or "See the steps above, and the broker's log."
        yield failed(f"The record was not acknowledged: {text}.", known)
        return
    yield f"{record.topic} acknowledged a record within {milliseconds((time.monotonic() - since) * 1000)}"
    if inspector:
        yield from read_back(inspector, record.topic, before, record.key)


def ends(inspector: Inspector, topic: str) -> Ends:
    try:
        return inspector.ends(topic)
    except KafkaUnreachable as error:
        return str(error).rstrip(".")


def read_back(inspector: Inspector, topic: str, before: Ends, key: bytes) -> Iterator[Note]:
    """Whether the record with this key can be read. A client that only writes need not be allowed to."""
    if isinstance(before, str):
        yield _unread(before)
        return
    try:
        kind = inspector.topics([topic])[0].configs.get("message.timestamp.type")
        stamped = inspector.read(topic, before, key, READ_SECONDS)
    except KafkaUnreachable as error:
        yield _unread(str(error).rstrip("."))
        return
    if stamped is None:
        yield failed(
            f"The acknowledged record cannot be read within {READ_SECONDS:g} s.",
            "See whether the partition's leader changed, and repeat it.",
        )
        return
    yield "read back"
    if kind == "LogAppendTime":
        yield from _clock(stamped - time.time())


def _unread(why: str) -> str:
    return f"not read back: {why} (a client needs READ for that)"


def _clock(ahead: float) -> Iterator[Note]:
    if abs(ahead) > CLOCK_SECONDS + READ_SECONDS:
        yield warning(
            f"The clock of the broker differs by {abs(ahead):.0f} s from this machine's.",
            "Synchronise both with NTP (chronyc tracking).",
        )
    else:
        yield "the clock of the broker agrees with this machine's"
