"""A Kafka of our own: a broker killed and started again on the same port and data."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from devstack.errors import Unavailable
from devstack.kafka import Cluster, create_topics
from devstack.kafka.metadata import admin

TOPIC = "numbers"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    try:
        cluster = Cluster()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with cluster:
        create_topics(cluster.bootstrap_servers, {TOPIC: 1})
        yield cluster


def _send(cluster: Cluster, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap_servers, acks="all")
    producer.send(TOPIC, value).get(timeout=60)
    producer.close()


def _read(cluster: Cluster) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=cluster.bootstrap_servers, auto_offset_reset="earliest")
    try:
        partition = TopicPartition(TOPIC, 0)
        consumer.assign([partition])
        end = consumer.end_offsets([partition])[partition]
        values: list[bytes] = []
        while consumer.position(partition) < end:
            values += [record.value for record in consumer.poll(500).get(partition, [])]
        return values
    finally:
        consumer.close()


def test_a_killed_broker_comes_back_with_its_records(cluster: Cluster) -> None:
    _send(cluster, b"before")
    (broker,) = cluster.brokers
    pid = broker.pid
    broker.kill()
    assert not broker.is_running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIG_DFL)
    broker.start()
    _send(cluster, b"after")
    assert _read(cluster) == [b"before", b"after"]


def test_topics_are_made_once_and_only_when_asked_for(cluster: Cluster) -> None:
    create_topics(
        cluster.bootstrap_servers, {TOPIC: 1, "compacted": 3}, configs={"cleanup.policy": "compact"}
    )
    create_topics(cluster.bootstrap_servers, {"compacted": 3})
    with admin(cluster.bootstrap_servers) as client:
        client.describe_topics(["never-made"])
        names = {topic["name"] for topic in client.describe_topics() if not topic["is_internal"]}
    assert names == {TOPIC, "compacted"}


def test_a_cluster_id_may_begin_with_a_hyphen(monkeypatch: pytest.MonkeyPatch) -> None:
    hyphen = uuid.UUID(bytes=b"\xf8" + bytes(range(15)))
    monkeypatch.setattr("devstack.kafka.cluster.uuid.uuid4", lambda: hyphen)
    with Cluster() as made:
        create_topics(made.bootstrap_servers, {"topic": 1})
