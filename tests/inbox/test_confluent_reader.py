"""What librdkafka delivers behind a batch that it cannot decode is not read; nor is what its memory holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException
from kafka import TopicPartition

from inbox.errors import Undecodable
from inbox.kafka.confluent import reader
from inbox.kafka.confluent.options import config
from inbox.kafka.confluent.questions import Questions, metadata
from inbox.kafka.topic_ids import TopicIds
from outbox_core.librdkafka import ClientReports

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)


class Message:
    """What the reader uses of a confluent_kafka.Message."""

    def __init__(self, partition: TopicPartition, offset: int, error: int | None = None) -> None:
        self._partition, self._offset = partition, offset
        self._error = None if error is None else KafkaError(error)

    def topic(self) -> str:
        return str(self._partition.topic)

    def partition(self) -> int:
        return int(self._partition.partition)

    def offset(self) -> int:
        return self._offset

    def error(self) -> KafkaError | None:
        return self._error

    def key(self) -> None: ...

    def value(self) -> bytes:
        return b"%d" % self._offset

    def headers(self) -> None: ...

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class Client:
    """What the reader uses of a confluent_kafka.Consumer."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)

    def incremental_assign(self, places: Any) -> None: ...

    def poll(self, seconds: float) -> Message | None:
        return self._messages.pop(0) if self._messages else None

    def consume(self, count: int, seconds: float) -> list[Message]:
        found, self._messages = self._messages, []
        return found

    def close(self) -> None: ...


def opened(monkeypatch: pytest.MonkeyPatch, *messages: Message) -> reader.Reader:
    monkeypatch.setattr(reader, "connect", lambda *_: Client(*messages))
    options: Mapping[str, Any] = config(["127.0.0.1:1"], "g", {})
    reports = ClientReports()
    found = reader.Reader(options, reports, Questions(options, reports))
    found.positions |= {FIRST: 3, SECOND: 7}
    return found


@pytest.mark.parametrize("error", [KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG, KafkaError.INVALID_MSG])
def test_partition_waits_at_its_batch_and_others_are_read(
    monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    messages = [Message(FIRST, 3), Message(FIRST, 4, error), Message(FIRST, 5), Message(SECOND, 7)]
    source = opened(monkeypatch, *messages)
    batches = source.read([FIRST, SECOND], 0)
    assert {p: [record.offset for record in records] for p, records in batches.items()} == {
        FIRST: [3],
        SECOND: [7],
    }
    with pytest.raises(Undecodable) as raised:
        source.read([FIRST, SECOND], 0)
    assert (raised.value.partition, source.positions) == (FIRST, {FIRST: 4, SECOND: 8})


@pytest.mark.parametrize("error", [KafkaError._TRANSPORT, KafkaError.UNKNOWN_TOPIC_OR_PART])
def test_an_outage_is_no_fault_of_a_batch(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    source = opened(monkeypatch, Message(FIRST, 3, error), Message(FIRST, 3))
    assert list(source.read([FIRST], 0)) == [FIRST]
    assert source.read([FIRST], 0) == {}


def test_a_topic_that_may_not_be_read_ends_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read with it is read again."""
    forbidden = Message(SECOND, 7, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    source = opened(monkeypatch, Message(FIRST, 3), forbidden)
    with pytest.raises(KafkaException):
        source.read([FIRST, SECOND], 0)
    assert source.positions == {FIRST: 3, SECOND: 7}


@pytest.mark.parametrize("behind", [b"", b"garbage", b"\xc2("])
def test_what_lies_behind_the_metadata_of_an_offset_does_not_count(behind: bytes) -> None:
    topic_id, ids = uuid4(), TopicIds("crm")
    ids.note("a-cluster", {"t": topic_id})
    mark = f"topic-id=a-cluster/{topic_id}"

    class Place:
        @property
        def metadata(self) -> str:
            return (mark.encode() + behind).decode()

    assert not ids.is_of_another("t", metadata(Place()))
