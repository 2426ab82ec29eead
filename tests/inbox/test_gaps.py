"""Records that Kafka had deleted before they were read are told of; other gaps are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaTimeoutError

from inbox.kafka.gaps import OffsetGaps
from inbox.memory import MemoryOffsets
from inbox.signals import records_missed
from tests.inbox.conftest import BOTH_CLIENTS, logged
from tests.inbox.topics import KafkaTopic, read, values

PARTITION = TopicPartition("t", 3)
Told = list[tuple[str, int, int, int]]


@pytest.fixture
def told() -> Iterator[Told]:
    told: Told = []

    def note(sender: str, topic: str, partition: int, first: int, last: int, **_: Any) -> None:
        told.append((topic, partition, first, last))

    records_missed.connect(note)
    yield told
    records_missed.disconnect(note)


def client(beginning: Callable[[], int]) -> Any:
    return lambda partitions: {partitions[0]: beginning()}


def batch(*offsets: int) -> dict[TopicPartition, list[Any]]:
    return {PARTITION: [SimpleNamespace(offset=offset) for offset in offsets]}


def test_what_was_deleted_before_the_next_poll_is_told(told: Told) -> None:
    gaps = OffsetGaps("test", MemoryOffsets(), (KafkaTimeoutError,))
    gaps.check(client(lambda: 0), batch(5, 6))
    gaps.check(client(lambda: 9), batch(9, 10))
    assert told == [("t", 3, 7, 8)]


def test_what_compaction_or_a_transaction_leaves_out_is_not_missed(told: Told) -> None:
    gaps = OffsetGaps("test", MemoryOffsets(), (KafkaTimeoutError,))
    gaps.expect(PARTITION, 3)
    for offsets in ((5, 8), (10,)):
        gaps.check(client(lambda: 3), batch(*offsets))
    assert told == []


def test_what_is_read_again_is_not_missed(told: Told) -> None:
    gaps = OffsetGaps("test", MemoryOffsets(), (KafkaTimeoutError,))
    for offsets in ((5, 6), (2, 3), (4, 5)):
        gaps.check(client(lambda: 9), batch(*offsets))
    gaps.expect(PARTITION, None)
    gaps.check(client(lambda: 9), batch(9))
    assert told == []


def test_where_kafka_does_not_say_what_it_has_nothing_is_told(told: Told) -> None:
    def silent() -> int:
        raise KafkaTimeoutError("no answer")

    gaps = OffsetGaps("test", MemoryOffsets(), (KafkaTimeoutError,))
    gaps.expect(PARTITION, 3)
    gaps.check(client(silent), batch(5))
    assert told == []


@BOTH_CLIENTS
def test_consumer_that_comes_too_late_says_what_it_has_missed(
    kafka_bootstrap: str, kafka_topic: KafkaTopic, caplog: pytest.LogCaptureFixture
) -> None:
    kafka_topic.write(*(b"%c" % letter for letter in b"abcdefgh"))
    source = kafka_topic.open()
    read(source, 8)
    source.commit({(kafka_topic.topic, 0): 2})
    source.close()
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.delete_records({TopicPartition(kafka_topic.topic, 0): 5})
    admin.close()
    assert values(read(source, 3)) == [b"f", b"g", b"h"]
    [line] = logged(caplog, "records_missed")
    assert (line.topic, line.partition, line.first, line.last) == (kafka_topic.topic, 0, 2, 4)
