"""The stand-in for Kafka."""

from __future__ import annotations

import pytest
from kafka import KafkaConsumer, KafkaProducer

from devstack.errors import Unavailable
from devstack.kafka import create_topics
from devstack.kafka.choice import choose_kafka
from devstack.kafka.tansu import Tansu
from tests.waiting import wait_until


@pytest.fixture
def _no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for variable in ("JAVA_HOME", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


@pytest.mark.usefixtures("_no_java")
def test_without_java_a_stand_in_is_named_as_such_and_serves_a_consumer_group(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        kafka = choose_kafka()
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert isinstance(kafka, Tansu)
    assert not kafka.is_real
    assert "STAND-IN" in capsys.readouterr().err
    try:
        kafka.start()
        create_topics(kafka.bootstrap_servers, {"numbers": 2})
        _send(kafka.bootstrap_servers, 100)
        assert _consume(kafka.bootstrap_servers, 100) == {str(n).encode() for n in range(100)}
    finally:
        kafka.close()


def _send(bootstrap_servers: str, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True)
    for n in range(count):
        producer.send("numbers", str(n).encode(), key=str(n % 7).encode())
    producer.close()


def _consume(bootstrap_servers: str, count: int) -> set[bytes]:
    consumer = KafkaConsumer(
        "numbers",
        bootstrap_servers=bootstrap_servers,
        group_id="readers",
        auto_offset_reset="earliest",
        session_timeout_ms=6_000,
    )
    values: set[bytes] = set()

    def read() -> bool:
        for records in consumer.poll(500).values():
            values.update(record.value for record in records)
        return len(values) == count

    try:
        wait_until(read, 60, f"{count} records have come")
    finally:
        consumer.close()
    return values
