"""What is on the wire does not depend on the client."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from outbox_core.wire.encode import Record
from relay.publishers.base import BATCH_HEADER, Publisher, size
from tests.publishers.broker import Broker
from tests.publishers.clients import CLIENTS, Client, deliver
from tests.publishers.contract import ODD

JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""murmur2 as Apache Kafka's own tests have it (UtilsTest.testMurmur2)."""
PARTITIONS = 7

record = st.builds(
    Record,
    st.just("topic"),
    st.binary(max_size=200),
    st.none() | st.binary(max_size=200),
    st.lists(st.tuples(st.text(max_size=100), st.binary(max_size=200)), max_size=10),
)


@pytest.mark.real_kafka
def test_a_key_goes_to_the_partition_that_java_chooses(
    broker: Broker, connect: Callable[..., Publisher]
) -> None:
    topic = broker.topic(PARTITIONS)
    assert deliver(connect(broker.address), [Record(topic, key, b"", []) for key in JAVA]) == []
    found = {received.key: received.partition for received in broker.read(topic)}
    assert found == {key: (digest & 0x7FFFFFFF) % PARTITIONS for key, digest in JAVA.items()}


@pytest.mark.real_kafka
def test_every_publisher_writes_equal_records(broker: Broker) -> None:
    """Key, value, headers and partition."""
    odd = ODD + [(str(uuid4()).encode(), b"", []) for _ in range(50)]
    found = []
    for client in CLIENTS.values():
        topic, publisher = broker.topic(PARTITIONS), client(broker.address)
        assert deliver(publisher, [Record(topic, *each) for each in odd]) == []
        publisher.close(5)
        found.append(broker.read(topic))
    assert found[0] == found[1]


@pytest.mark.real_kafka
@pytest.mark.parametrize("compression", ["gzip", None])
def test_a_record_that_fits_once_compressed_is_published(
    broker: Broker, client: Client, compression: str | None
) -> None:
    """Only the broker knows how much is too much for it, when the client compresses."""
    topic = broker.topic(1, **{"max.message.bytes": "10000"})
    publisher = client(broker.address, compression=compression)
    failures = deliver(publisher, [Record(topic, b"key", b"x" * 50_000, [])])
    publisher.close(5)
    assert bool(failures) == (compression is None)
    assert len(broker.read(topic)) == (compression is not None)


@settings(max_examples=50)
@given(record)
def test_the_size_of_a_record_is_never_underestimated(record: Record) -> None:
    batch = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 10_000_000)
    batch.append(2**31 - 1, None, record.key, record.value, record.headers)
    assert batch.size() <= BATCH_HEADER + size(record)
