"""A link that cannot carry one answer in time, and a client that brings nothing, stop no consumer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import TopicPartition as Place
from kafka import KafkaProducer, TopicPartition

from inbox.kafka import patience
from inbox.kafka.patience import STEPS, Fetch, Patience
from outbox_core.kafka_options import CONFLUENT
from tests.inbox.conftest import BOTH_CLIENTS, logged
from tests.inbox.topics import KafkaTopic, read
from tests.publishers.broker import Broker, running
from tests.waiting import wait_until

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


@pytest.fixture(scope="module")
def slow_broker() -> Iterator[Broker]:
    with running(Broker) as broker:
        yield broker


@pytest.mark.integration
@pytest.mark.real_kafka
@BOTH_CLIENTS
def test_a_slow_link_brings_everything(
    client: str, slow_broker: Broker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer is 100 kB, for which the link needs 2.5 seconds; the client waits 1."""
    monkeypatch.setattr("inbox.kafka.source.ASK_EVERY", 0.5)
    topic = slow_broker.topic()
    with closing(KafkaProducer(bootstrap_servers=slow_broker.address)) as producer:
        for number in range(150):
            producer.send(topic, b"%d" % number + 1_000 * b"x")
        producer.flush()
    slow_broker.proxy.rate = 40_000
    timeout = "socket.timeout.ms" if client == CONFLUENT else "request_timeout_ms"
    options = {timeout: 1_000, "max_partition_fetch_bytes": 100_000, "fetch_max_wait_ms": 100}
    try:
        with closing(KafkaTopic(slow_broker.slow, topic, client)) as log:
            records = read(log.open(**options, session_timeout_ms=30_000), 150, seconds=60)
    finally:
        slow_broker.proxy.heal()
    assert [record.offset for record in records] == list(range(150))
    assert logged(caplog, "nothing_comes")


@pytest.mark.real_kafka
@BOTH_CLIENTS
def test_a_client_that_forgets_a_partition_is_replaced(
    client: str, topic: Any, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inbox.kafka.source.ASK_EVERY", 0.5)
    monkeypatch.setattr(patience, "STANDS", 0.1)
    with closing(KafkaTopic(kafka_bootstrap, topic(2), client)) as log:
        source = log.open()
        log.write(b"a", partition=0)
        log.write(b"b", partition=1)
        read(source, 2)
        forget(source, TopicPartition(log.topic, 1), client)
        log.write(b"c", partition=1)
        (record,) = read(source, 1, seconds=60)
        assert record.value == b"c"


def forget(source: Any, partition: TopicPartition, client: str) -> None:
    """Have its client fetch nothing of a partition, as if it had lost it."""
    reader = source._reader._client
    if client == CONFLUENT:
        reader.pause([Place(*partition)])
    else:
        reader.pause(partition)


@pytest.mark.real_kafka
@BOTH_CLIENTS
def test_marks_of_transactions_are_no_records_to_wait_for(
    client: str,
    topic: Any,
    kafka_bootstrap: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("inbox.kafka.source.ASK_EVERY", 0.2)
    monkeypatch.setattr(patience, "STANDS", 0.1)
    with closing(KafkaTopic(kafka_bootstrap, topic(), client)) as log:
        transactional = KafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=log.group)
        with closing(transactional) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            producer.send(log.topic, b"a", partition=0)
            producer.commit_transaction()
        source = log.open()
        read(source, 1)
        wait_until(lambda: not source.poll(0.1) and reached(source) == 2, 20, "it is past the mark")
        for _ in range(30):
            assert not source.poll(0.1)
    assert not logged(caplog, "nothing_comes")


def reached(source: Any) -> int:
    """The next offset of its only partition."""
    (offset,) = source._reader.reached().values()
    return int(offset)


def test_a_client_never_asks_for_more_than_its_options_say() -> None:
    assert [each.bytes(1_000_000) for each in STEPS] == [1_000_000, 250_000, 62_500, 16_384]
    assert [each.bytes(10_000) for each in STEPS] == [10_000] * 4


class Now:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_partition_that_stands_makes_the_next_client_ask_for_less() -> None:
    now = Now()
    looks = Patience(10.0, now)
    assert not looks.look({A: 5, B: 7}, {A: 9, B: 7})
    now.at = 14.0
    assert not looks.look({A: 5, B: 7}, {A: 9, B: 8})
    now.at = 15.0
    assert looks.look({A: 5, B: 7}, {A: 9, B: 8}) == [A]
    assert looks.fetch == STEPS[1]
    now.at = 30.0
    assert not looks.look({A: 5}, {A: 9}), "this client may take three times as long"
    now.at = 59.0
    assert not looks.look({A: 6}, {A: 9}), "it moves"
    now.at = 103.0
    assert not looks.look({A: 6}, {A: 9})
    now.at = 104.0
    assert looks.look({A: 6}, {A: 9}) == [A]


def test_after_a_while_a_client_may_ask_for_more_again() -> None:
    now = Now()
    looks = Patience(10.0, now)
    looks.look({A: 5}, {A: 9})
    now.at = 20.0
    assert looks.look({A: 5}, {A: 9})
    now.at = 619.0
    assert not looks.eases()
    now.at = 620.0
    assert looks.eases()
    assert looks.fetch == Fetch()
    now.at = 5_000.0
    assert not looks.eases()
