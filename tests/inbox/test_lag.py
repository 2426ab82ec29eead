"""How far a consumer is behind is what the broker has against what its database has handled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from inbox.conf import ConsumerSettings
from inbox.models import Instance, Offset
from inbox.status import report
from inbox.status.consumers import statuses
from inbox.status.lag import Lag, LagQuestion
from tests.inbox.conftest import BOTH_CLIENTS, asking_with
from tests.inbox.operators import alive
from tests.inbox.test_undecodable import NotUtf8
from tests.inbox.topics import KafkaTopic, read

pytestmark = pytest.mark.django_db
Topics = Callable[..., str]


@pytest.fixture
def asking(kafka_bootstrap: str, client: str) -> LagQuestion:
    return asking_with(client, kafka_bootstrap)


def handled(log: KafkaTopic, offset: int, partition: int = 0) -> None:
    row = {"consumer": "crm", "topic": log.topic, "partition": partition}
    Offset.objects.filter(**row).delete()
    Offset.objects.create(**row, offset=offset)


def reading(*topics: str) -> ConsumerSettings:
    group = f"test.{uuid4()}"
    return ConsumerSettings(name="crm", topics=topics, group=group, handlers=("consumers.crm.handlers",))


def lag(asking: LagQuestion, log: KafkaTopic) -> Lag:
    return asking.lag(reading(log.topic), "default")


def test_counts_what_nobody_has_read_yet(asking: LagQuestion, kafka_topic: KafkaTopic) -> None:
    kafka_topic.write(b"a", b"b")
    assert lag(asking, kafka_topic).records == 2


@BOTH_CLIENTS
def test_counts_what_is_in_hand(asking: LagQuestion, kafka_topic: KafkaTopic) -> None:
    """It is fetched, and Kafka may have a copy of its offset; the database has none of its effects."""
    kafka_topic.write(b"a", b"b", b"c")
    source = kafka_topic.open()
    read(source, 3)
    source.commit({(kafka_topic.topic, 0): 3})
    handled(kafka_topic, 1)
    assert lag(asking, kafka_topic).records == 2


@BOTH_CLIENTS
def test_counts_partitions_that_nobody_reads(
    asking: LagQuestion, kafka_bootstrap: str, topic: Topics
) -> None:
    log = KafkaTopic(kafka_bootstrap, topic(3))
    for partition in range(3):
        log.write(b"a", b"b", partition=partition)
    log.close()
    handled(log, 2, partition=1)
    assert lag(asking, log).records == 4


@BOTH_CLIENTS
def test_counts_the_topics_that_exist_and_names_the_others(
    asking: LagQuestion, kafka_topic: KafkaTopic
) -> None:
    kafka_topic.write(b"a", b"b")
    found = asking.lag(reading(kafka_topic.topic, "test.nowhere"), "default")
    assert (found.records, found.oldest_at is not None) == (2, True)
    assert "test.nowhere" in found.reason
    assert asking.lag(reading("test.nowhere"), "default").records is None


@BOTH_CLIENTS
def test_an_offset_of_an_earlier_topic_does_not_count(asking: LagQuestion, kafka_topic: KafkaTopic) -> None:
    """The topic was deleted and created again: its offsets begin at 0 again."""
    kafka_topic.write(b"a", b"b")
    handled(kafka_topic, 2)
    Offset.objects.update(topic_id=uuid4())
    assert lag(asking, kafka_topic).records == 2


@BOTH_CLIENTS
def test_counts_no_record_that_kafka_has_deleted(
    asking: LagQuestion, kafka_bootstrap: str, kafka_topic: KafkaTopic
) -> None:
    kafka_topic.write(b"a", b"b", b"c")
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.delete_records({TopicPartition(kafka_topic.topic, 0): 2})
    admin.close()
    assert lag(asking, kafka_topic).records == 1


@BOTH_CLIENTS
def test_counts_no_mark_of_a_transaction(
    asking: LagQuestion, kafka_bootstrap: str, kafka_topic: KafkaTopic
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=kafka_topic.topic)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(kafka_topic.topic, b"a")
    producer.commit_transaction()
    producer.close()
    handled(kafka_topic, 1)
    assert lag(asking, kafka_topic) == Lag(0, None)


@BOTH_CLIENTS
def test_counts_what_waits_behind_an_open_transaction(
    asking: LagQuestion, kafka_bootstrap: str, kafka_topic: KafkaTopic
) -> None:
    """Nobody can read it before the other producer ends its transaction, which may be never."""
    kafka_topic.write(b"a")
    handled(kafka_topic, 1)
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=kafka_topic.topic)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(kafka_topic.topic, b"b").get(20)
    kafka_topic.write(b"c", b"d")
    found = lag(asking, kafka_topic)
    assert found.records == 3
    assert found.oldest_at is not None
    handled(kafka_topic, 0)
    assert lag(asking, kafka_topic).records == 4
    producer.abort_transaction()
    producer.close()


@BOTH_CLIENTS
def test_a_record_of_a_time_that_cannot_be_has_an_age(
    asking: LagQuestion, kafka_bootstrap: str, topic: Topics
) -> None:
    name = topic(**{"message.timestamp.after.max.ms": str(2**63 - 1)})
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap)
    producer.send(name, b"a", timestamp_ms=1_764_374_400_000_000).get(20)
    producer.close()
    found = asking.lag(reading(name), "default")
    assert (found.records, found.reason) == (1, "")


@BOTH_CLIENTS
def test_age_is_that_of_the_oldest_record(asking: LagQuestion, kafka_topic: KafkaTopic) -> None:
    before = time.time()
    kafka_topic.write(b"a")
    between = time.time()
    kafka_topic.write(b"b")
    oldest = lag(asking, kafka_topic).oldest_at
    assert oldest is not None
    assert before - 1 <= oldest.timestamp() <= between + 0.001
    handled(kafka_topic, 1)
    later = lag(asking, kafka_topic).oldest_at
    assert later is not None
    assert later > oldest
    handled(kafka_topic, 2)
    assert lag(asking, kafka_topic) == Lag(0, None)


def test_a_record_that_cannot_be_decoded_counts_and_has_no_age(
    asking: LagQuestion, kafka_topic: KafkaTopic
) -> None:
    kafka_topic.write(b"-", headers=[(NotUtf8("x"), b"1")])
    assert lag(asking, kafka_topic) == Lag(1, None)
    assert status(asking, kafka_topic, max_age=1e6) == 1


@BOTH_CLIENTS
def test_a_topic_that_does_not_exist_is_named(asking: LagQuestion) -> None:
    assert asking.lag(reading("test.nosuch"), "default").reason.endswith(": test.nosuch")


def test_a_topic_that_is_deleted_meanwhile_is_said(
    asking: LagQuestion, kafka_topic: KafkaTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the client answers for a topic that it knew a moment ago."""

    def gone(_: object, partitions: list[TopicPartition], **__: object) -> None:
        raise KeyError(partitions[0])

    monkeypatch.setattr(KafkaConsumer, "end_offsets", gone)
    found = lag(asking, kafka_topic)
    assert found.records is None
    assert kafka_topic.topic in found.reason


def status(asking: LagQuestion, log: KafkaTopic, **limits: Any) -> int:
    """The exit code."""
    if not Instance.objects.exists():
        alive()
    chosen = [reading(log.topic)]
    return report.read(chosen, "default", report.Thresholds(**limits), asking).exit_code


def test_limits_decide_the_exit_code(asking: LagQuestion, kafka_topic: KafkaTopic) -> None:
    kafka_topic.write(b"a", b"b")
    assert status(asking, kafka_topic) == 0
    assert status(asking, kafka_topic, max_pending=2) == 0
    assert status(asking, kafka_topic, max_pending=1) == 1
    assert status(asking, kafka_topic, max_age=600) == 0
    assert status(asking, kafka_topic, max_age=0) == 1
    handled(kafka_topic, 2)
    assert status(asking, kafka_topic, max_pending=0, max_age=0) == 0


def test_what_kafka_deleted_is_shown_for_a_day(asking: LagQuestion, kafka_topic: KafkaTopic) -> None:
    handled(kafka_topic, 9)
    Offset.objects.missed("crm", (kafka_topic.topic, 0), 3, 8)
    [found] = statuses([reading(kafka_topic.topic)], "default", asking)
    assert found.missed == (f"{kafka_topic.topic}/0 offsets 3 to 8",)
    assert status(asking, kafka_topic) == 1
    Offset.objects.update(missed_at="2020-01-01T00:00:00Z")
    assert status(asking, kafka_topic) == 0
