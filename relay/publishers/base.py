"""The contract between the relay and a publisher."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from outbox_core.kafka_reasons import explained
from outbox_core.wire.encode import HEADER_BYTES, RECORD_BYTES
from outbox_core.wire.encode import Record as Record

BATCH_HEADER = 61
"""Bytes of a record batch before its first record (KIP-98, message format v2)."""
PREPARE_SECONDS = 2.5
"""How long ``prepare`` of a Kafka publisher may take."""
FLUSH_SLICE_SECONDS = 1.0
"""How often a wave that is under way checks whether its topics still exist."""


class Trouble(Enum):
    """Why a record was not acknowledged."""

    RETRIABLE = "retriable"
    """An outage: the same record may succeed later. Never counted, never held."""
    RECORD = "record"
    """The record itself can never be stored: it is too large for the topic, or invalid. This is certain only
    if it was sent alone.
    """
    TOPIC_MISSING = "topic-missing"
    """The topic does not exist, as far as the broker knows."""
    NOT_ENOUGH_REPLICAS = "not-enough-replicas"
    """Fewer replicas of the topic are in sync than its min.insync.replicas asks for, or a partition of it has
    no leader.
    """
    TOPIC_FORBIDDEN = "topic-forbidden"
    """The broker does not allow this client to write to the topic, or the topic refuses every record as it is
    configured.
    """


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that was not acknowledged, and why."""

    trouble: Trouble
    detail: str


Outcome = Failure | None
"""None: the record was acknowledged."""
Refusals = Callable[[Collection[str]], Mapping[str, Failure]]
"""See ``TopicDirectory.refusals``."""


def no_acknowledgement(seconds: float, trouble: str) -> Failure:
    """The failure of a record that is still under way when its wave is given up. ``trouble`` is why the
    client cannot connect, if it knows that.
    """
    return Failure(Trouble.RETRIABLE, trouble or f"No acknowledgement from Kafka within {seconds:.0f} s.")


def unanswered(reason: str) -> str:
    """What a publisher says for a reason of its client."""
    return f"Kafka does not answer: {explained(reason)}"


class Publisher(Protocol):
    """Hands records to a broker, with acks=all and idempotence.

    None of the methods may be called by two threads at once. See ``HandsOver``, too.
    """

    def prepare(self, topics: Collection[str]) -> None:
        """Connect, and ask for what must be known about these topics, so that ``publish`` need not wait for
        it. Without topics, ask whether the broker answers, if it never has. Takes about 3 seconds at most,
        whatever the state of the broker. The next call waits for answers that are still missing.

        Raises:
            PublisherUnavailable: the broker does not answer; nothing was handed over.
            Throttled: the broker asks this client to wait, because of a quota.
            ImproperlyConfigured: the client does not accept its options.
        """

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """Publish one wave: a prefix of ``records``, as long as it makes at most one batch a partition, and
        no longer than the link has shown to carry in time.

        Returns when nothing is buffered or in flight any more: the outcome of each record of that prefix,
        which has at least one. None means that all in-sync replicas acknowledged the record. If a record
        fails, all later records of its partition fail, too.

        A record whose topic is missing or forbidden gets its failure at once, without being sent; records of
        other topics, before and behind it, are published in the same wave. A record that is too large for its
        topic is refused without being sent, too; it ends the prefix before it, or is its only member.

        Every exception of the client becomes such a failure, or PublisherUnavailable.
        """

    def close(self, timeout: float) -> None:
        """Give up the connections within ``timeout`` seconds; nothing is in flight when this is called."""


@runtime_checkable
class HandsOver(Publisher, Protocol):
    """A publisher whose ``publish`` first works and then waits. The relay sets ``handed_over``. ``publish``
    calls it as soon as it only waits for the broker: then the relay encodes the next page.
    """

    handed_over: Callable[[], object]


def size(record: Record) -> int:
    """An upper bound of a record's bytes in a batch without compression (KIP-98, message format v2)."""
    _, key, value, headers = record
    total = RECORD_BYTES + len(key) + (0 if value is None else len(value))
    for name, content in headers:
        total += HEADER_BYTES + len(content) + (len(name) if name.isascii() else len(name.encode()))
    return total


def size_alone(record: Record) -> int:
    """Exactly its bytes in a batch of its own. It takes longer than ``size``."""
    _, key, value, headers = record
    body = 3 + _with_length(len(key)) + _with_length(len(value or b""))  # attributes and two deltas of 0
    body += _varint(len(headers))
    for name, content in headers:
        body += _with_length(len(name.encode())) + _with_length(len(content))
    return _with_length(body)


def _with_length(count: int) -> int:
    return _varint(count) + count


def _varint(number: int) -> int:
    """The bytes of a number from 0 on, in zigzag encoding: 6 bits in the first byte, 7 in each other."""
    return 1 + number.bit_length() // 7
