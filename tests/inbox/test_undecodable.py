"""A batch that the client cannot decode keeps its partition waiting, and nothing else."""

from __future__ import annotations

import gzip
import logging
import struct
import threading
from collections.abc import Callable
from contextlib import closing

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient, TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c

from inbox.consumer import Consumer
from inbox.handling.registry import Registry
from inbox.handling.routing import Routes
from inbox.kafka import undecodable
from inbox.offsets import DatabaseOffsets
from inbox.testing import MemoryConsumer
from outbox_core.kafka_options import KAFKA_PYTHON
from tests.inbox.broker import Broker
from tests.inbox.conftest import BOTH_CLIENTS, logged
from tests.inbox.topics import KafkaTopic, read, values
from tests.waiting import wait_until

Topics = Callable[..., str]


class NotUtf8(str):
    """The name of a header as some producers write it."""

    def encode(self, *_: object, **__: object) -> bytes:
        return b"\xff"


def test_codec_that_is_missing_here_is_named_and_no_batch_is_to_be_skipped(
    kafka_bootstrap: str, topic: Topics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kafka.codec.has_snappy", lambda: False)
    with closing(KafkaTopic(kafka_bootstrap, topic())) as log:
        producer = Producer({"bootstrap.servers": kafka_bootstrap, "compression.type": "snappy"})
        producer.produce(log.topic, b"a" * 1000)
        assert producer.flush(20) == 0
        source = log.open()
        wait_until(lambda: source.poll(0.1) or source.waits_for(), 20, "the partition is found")
    (line,) = logged(caplog, "partition_undecodable")
    assert line.extra == "kafka-python[snappy]"
    assert "inbox_seek" not in line.getMessage()


@BOTH_CLIENTS
def test_partition_that_cannot_be_decoded_is_named_and_waited_for_while_others_are_read(
    kafka_bootstrap: str,
    topic: Topics,
    client: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(undecodable, "RETRY_EVERY", 0.5)
    caplog.set_level(logging.INFO, "inbox")
    with closing(KafkaTopic(kafka_bootstrap, topic(2), client)) as log:
        log.write(b"a")
        log.write(b"-", headers=[(NotUtf8("x"), b"1")])
        source = log.open()
        assert values(read(source, 1)) == [b"a"]
        source.commit({(log.topic, 0): 1})
        where = f"{log.topic}/0 offset 1"
        wait_until(lambda: source.poll(0.1) or where in source.waits_for(), 20, "the partition is found")
        log.write(b"b", partition=1)
        assert values(read(source, 1)) == [b"b"], "others are read meanwhile"
        assert source.keep_alive()
        log.write(b"c")
        for _ in range(10):
            assert source.poll(0.1) == []
        assert source.waits_for() == f"a record that can be decoded at {where}"
        admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        admin.delete_records({TopicPartition(log.topic, 0): 2})
        admin.close()
        assert values(read(source, 1)) == [b"c"]
        assert source.waits_for() == ""
    [begin], [end], [missed] = (
        logged(caplog, action)
        for action in ("partition_undecodable", "partition_decodable", "records_missed")
    )
    assert (begin.topic, begin.partition, begin.offset) == (log.topic, 0, 1)
    assert ("CorruptRecordError" if client == KAFKA_PYTHON else "utf-8") in begin.getMessage()
    assert (end.topic, end.partition) == (log.topic, 0)
    assert (missed.first, missed.last) == (1, 1)


@BOTH_CLIENTS
def test_what_cannot_be_decoded_does_not_hang_the_client_that_is_kept_alive_before_it(
    kafka_topic: KafkaTopic,
) -> None:
    """The client keeps its error back behind the records before it, and forgets it while it is paused."""
    kafka_topic.write(b"a")
    kafka_topic.write(b"-", headers=[(NotUtf8("x"), b"1")])
    source = kafka_topic.open()
    assert values(read(source, 1)) == [b"a"]
    for _ in range(3):
        assert source.keep_alive(), "what is in hand can be finished"
    source.commit({(kafka_topic.topic, 0): 1})
    found = threading.Thread(target=lambda: source.poll(5), daemon=True)
    found.start()
    found.join(20)
    assert not found.is_alive()
    wait_until(lambda: source.poll(0.1) or "offset 1" in source.waits_for(), 20, "the partition is found")


def not_gzip() -> Exception:
    """What the client raises for a batch that says it is compressed and is not; its checksum is right."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1000)
    builder.append(0, timestamp=0, key=None, value=b"-", headers=[])
    batch = builder.build()
    struct.pack_into(">h", batch, builder.ATTRIBUTES_OFFSET, builder.CODEC_GZIP)
    checksum = calc_crc32c(memoryview(batch)[builder.ATTRIBUTES_OFFSET :])
    struct.pack_into(">I", batch, builder.CRC_OFFSET, checksum)
    records = Fetcher.PartitionRecords(0, TopicPartition("t", 0), MemoryRecords(bytes(batch)))
    with pytest.raises(gzip.BadGzipFile) as raised:
        records.take()
    return raised.value


def consumer_of(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    settings = MemoryConsumer("test", handlers=Registry())._settings
    offsets = DatabaseOffsets("test")
    return Consumer(
        *settings, broker.open(monkeypatch, offsets), offsets, Routes({}), broker.time, broker.time
    )


def test_partition_whose_segment_is_damaged_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker answers with an error then, and the client never learns how far the partition goes."""
    damaged = CorruptRecordError("Unexpected error while fetching data")
    broker = Broker([b"a"], [b"b", damaged], [])
    source = broker.open(monkeypatch)
    assert set(values(read(source, 2))) == {b"a", b"b"}
    source.commit({("t", 0): 1, ("t", 1): 1})
    for _ in range(3):
        source.poll(0.5)
    assert source.waits_for() == "a record that can be decoded at t/1 offset 1"
    assert len(broker.members) == 1, "it does not leave its group"


@pytest.mark.django_db
def test_outage_lasts_while_it_is_not_found_which_partition_cannot_be_decoded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inbox")
    error = CorruptRecordError("Unexpected error while fetching data")
    broker = Broker([error], everywhere=False, joining=20)
    consumer = consumer_of(broker, monkeypatch)
    while broker.time.now < 60:
        consumer.tick()
    assert [record.action for record in caplog.records] == ["inbox.degraded"]  # type: ignore[attr-defined]
    broker.logs[TopicPartition("t", 0)].clear()
    since = broker.time.now
    while len(caplog.records) == 1 and broker.time.now < since + 60:
        consumer.tick()
    assert [line.what for line in logged(caplog, "recovered")] == ["Kafka"]


def test_partition_that_comes_back_is_tried_where_others_have_left_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inbox")
    error = CorruptRecordError("compressed with what only others know")
    broker = Broker([error, b"-", error])
    source = broker.open(monkeypatch)

    def wait(where: str) -> None:
        while source.poll(10) or not source.partitions() or source.waits_for() != where:
            assert broker.time.now < 300

    wait("a record that can be decoded at t/0 offset 0")
    broker.committed[TopicPartition("t", 0)] = 2
    broker.rebalance()
    wait("a record that can be decoded at t/0 offset 2")
    broker.committed[TopicPartition("t", 0)] = 3
    broker.rebalance()
    wait("")
    broker.logs[TopicPartition("t", 0)].append(b"a")
    assert values(read(source, 1)) == [b"a"]
    actions = [record.action for record in caplog.records]  # type: ignore[attr-defined]
    assert actions == ["inbox.partition_undecodable", "inbox.partition_decodable"]


def test_batch_that_cannot_be_decompressed_keeps_its_partition_waiting_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client lets through what the library for it raises."""
    broker = Broker([b"a", not_gzip()], [b"b"])
    source = broker.open(monkeypatch)
    assert values(read(source, 1)) == [b"a"]
    assert source.keep_alive(), "what is in hand can be finished"
    source.commit({("t", 0): 1})
    assert values(read(source, 1)) == [b"b"]
    assert source.waits_for() == "a record that can be decoded at t/0 offset 1"


def test_error_of_the_client_that_comes_of_no_partition_is_raised_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = Broker([ValueError("a mistake")], everywhere=False).open(monkeypatch)
    with pytest.raises(ValueError, match="a mistake"):
        read(source, 1)


def test_member_that_is_thrown_out_before_what_cannot_be_decoded_notices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker([b"a", CorruptRecordError()])
    source = broker.open(monkeypatch)
    read(source, 1)
    assert source.keep_alive()
    broker.rebalance()
    for _ in range(4):
        assert not source.keep_alive()
    assert values(read(source, 1)) == [b"a"]
    source.commit({("t", 0): 1})
    for _ in range(3):
        source.poll(0.5)
    assert source.waits_for() == "a record that can be decoded at t/0 offset 1"
