"""Reads a test record back, and compares the broker's clock where the topic shows it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from outbox_core.errors import KafkaUnreachable
from outbox_core.kafka_reasons import parted
from outbox_core.operations.doctor.cluster import Inspector
from outbox_core.operations.doctor.postgresql import CLOCK_SECONDS
from outbox_core.operations.doctor.step import Finding, Said, failed, warning

READ_SECONDS = 6.0
Ends = Mapping[int, int] | str
"""Where each partition ended before, or why that cannot be read."""


def ends(inspector: Inspector, topic: str) -> Ends:
    try:
        return inspector.ends(topic)
    except KafkaUnreachable as error:
        return str(error).rstrip(".")


def not_acknowledged(why: str) -> Finding:
    text, remedy = parted(why)
    known = remedy or "See the steps above, and the broker's log."
    return failed(f"The record was not acknowledged: {text}.", known)


def read_back(inspector: Inspector, topic: str, before: Ends, key: bytes) -> Iterator[Said]:
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


def _clock(ahead: float) -> Iterator[Said]:
    if abs(ahead) > CLOCK_SECONDS + READ_SECONDS:
        yield warning(
            f"The clock of the broker differs by {abs(ahead):.0f} s from this machine's.",
            "Synchronise both with NTP (chronyc tracking).",
        )
    else:
        yield "the clock of the broker agrees with this machine's"
