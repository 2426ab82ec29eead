"""A topic that is deleted and created again is read from its beginning, whoever held an offset of the old
one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError

from inbox.errors import SourceUnavailable
from inbox.handling.registry import Registry
from inbox.handling.routing import Identity, Routes
from inbox.kafka import source as kafka
from inbox.source import Source
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from outbox_core.wire.event import Event
from tests.inbox.broker import Broker
from tests.inbox.conftest import BOTH_CLIENTS, logged
from tests.inbox.topics import KafkaTopic, read, values
from tests.waiting import wait_until

Topics = Callable[..., str]


@pytest.fixture
def admin(kafka_bootstrap: str) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    yield client
    client.close()


def handles_replays(event: Event) -> None: ...


_registry = Registry()
_registry.handler("t", replays=True)(handles_replays)
ROUTES = Routes(_registry.of(()))


def create(admin: KafkaAdminClient, name: str) -> None:
    """As soon as the old one is gone."""

    def created() -> bool:
        try:
            admin.create_topics([NewTopic(name, 1, 1)])
        except TopicAlreadyExistsError:
            return False
        return True

    wait_until(created, 20, f"topic {name} is made")


def read_all(source: Source, wanted: set[bytes]) -> None:
    """Until all of these have come, however often, and each batch is committed."""
    missing = set(wanted)

    def complete() -> bool:
        try:
            records = source.poll(0.1)
        except SourceUnavailable:
            return False
        missing.difference_update(record.value for record in records)
        source.commit({(record.topic, record.partition): record.offset + 1 for record in records})
        return not missing

    wait_until(complete, 30, "all have come")


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


@BOTH_CLIENTS
@pytest.mark.parametrize(("count", "reset"), [(20, "latest"), (300, "earliest")], ids=["fewer", "more"])
def test_its_reader_misses_none_of_the_new_one(
    kafka_bootstrap: str,
    kafka_topic: KafkaTopic,
    admin: KafkaAdminClient,
    caplog: pytest.LogCaptureFixture,
    count: int,
    reset: str,
) -> None:
    """With fewer records than in the old one it would wait for ever, with more it would begin behind them."""
    caplog.set_level(logging.INFO, "inbox")
    source = kafka_topic.open(auto_offset_reset=reset)
    wait_until(lambda: source.poll(0.1) == [] and source.partitions(), 20, "it reads")
    kafka_topic.write(*numbers(0, 100))
    read_all(source, set(numbers(0, 100)))
    admin.delete_topics([kafka_topic.topic])
    create(admin, kafka_topic.topic)
    again = KafkaTopic(kafka_bootstrap, kafka_topic.topic)
    again.write(*numbers(1000, 1000 + count))
    read_all(source, set(numbers(1000, 1000 + count)))
    again.close()
    assert [line.topic for line in logged(caplog, "topic_recreated")] == [kafka_topic.topic]


@BOTH_CLIENTS
def test_records_behind_the_old_offset_do_not_come_first(
    kafka_topic: KafkaTopic, admin: KafkaAdminClient, client: str
) -> None:
    """Once the client that reads knows of the new topic, whatever the client of the group knows."""
    source = kafka_topic.open(metadata_max_age_ms=60_000)
    old, new = numbers(0, 10), numbers(1000, 1020)
    kafka_topic.write(*old)
    read_all(source, set(old))
    admin.delete_topics([kafka_topic.topic])
    create(admin, kafka_topic.topic)
    kafka_topic.write(*new)
    if client == KAFKA_PYTHON:
        reader: Any = source._reader
        wait_until(lambda: kafka_topic.topic in reader.client.topics(), 20, "the reader has the new metadata")
    assert values(read(source, 20)) == new


@BOTH_CLIENTS
def test_an_offset_of_another_topic_is_not_believed(
    kafka_bootstrap: str, kafka_topic: KafkaTopic, admin: KafkaAdminClient, caplog: pytest.LogCaptureFixture
) -> None:
    """As one is that a member commits for the old topic when the new one is there."""
    kafka_topic.write(b"a", b"b", b"c")
    cluster = admin.describe_cluster()["cluster_id"]
    commit(kafka_bootstrap, kafka_topic, OffsetAndMetadata(2, f"topic-id={cluster}/{uuid4()}", -1))
    source = kafka_topic.open()
    assert values(read(source, 3)) == [b"a", b"b", b"c"]
    assert [line.topic for line in logged(caplog, "topic_recreated")] == [kafka_topic.topic]
    source.commit({(kafka_topic.topic, 0): 2})
    source.close()
    assert values(read(source, 1)) == [b"c"], "its own offset is believed"


@BOTH_CLIENTS
@pytest.mark.parametrize("metadata", ["", "set by hand", "topic-id=another-cluster/1"])
def test_an_offset_that_others_have_committed_is_believed(
    kafka_bootstrap: str, kafka_topic: KafkaTopic, metadata: str
) -> None:
    """As MirrorMaker does, which keeps the metadata of what it translates."""
    kafka_topic.write(b"a", b"b", b"c")
    commit(kafka_bootstrap, kafka_topic, OffsetAndMetadata(2, metadata, -1))
    assert values(read(kafka_topic.open(), 1)) == [b"c"]


@BOTH_CLIENTS
def test_an_offset_that_the_other_client_has_committed_is_believed(
    kafka_topic: KafkaTopic, caplog: pytest.LogCaptureFixture, client: str
) -> None:
    """What confluent-kafka commits has a zero byte behind its metadata."""
    kafka_topic.write(b"a", b"b", b"c")
    source = kafka_topic.open()
    assert values(read(source, 3)) == [b"a", b"b", b"c"]
    source.commit({(kafka_topic.topic, 0): 2})
    source.close()
    kafka_topic.client = CONFLUENT if client == KAFKA_PYTHON else KAFKA_PYTHON
    assert values(read(kafka_topic.open(), 1)) == [b"c"]
    assert not logged(caplog, "topic_recreated")


@BOTH_CLIENTS
@pytest.mark.parametrize("headers", [{}, {"ce_replay": "true"}], ids=["unreadable", "replay without an id"])
def test_what_only_its_place_identifies_is_not_taken_for_a_record_of_the_old_one(
    kafka_bootstrap: str, kafka_topic: KafkaTopic, admin: KafkaAdminClient, headers: dict[str, str]
) -> None:
    """It would count as handled already, and nobody would learn of it."""
    event = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "t"} if headers else {}
    given = [(name, value.encode()) for name, value in {**event, **headers}.items()]

    def identity(topic: KafkaTopic) -> Identity:
        with closing(topic.open()) as source:
            [record] = read(source, 1)
        delivery = ROUTES(record)
        assert delivery is not None
        return delivery.identity

    kafka_topic.write(b"{}", headers=given)
    before = identity(kafka_topic)
    kafka_topic.client = CONFLUENT if kafka_topic.client == KAFKA_PYTHON else KAFKA_PYTHON
    assert identity(kafka_topic) == before, "it comes again"
    admin.delete_topics([kafka_topic.topic])
    create(admin, kafka_topic.topic)
    again = KafkaTopic(kafka_bootstrap, kafka_topic.topic)
    again.write(b"{}", headers=given)
    assert identity(again) != before
    again.close()


def commit(servers: str, topic: KafkaTopic, offset: OffsetAndMetadata) -> None:
    client = KafkaConsumer(bootstrap_servers=servers, group_id=topic.group, enable_auto_commit=False)
    partition = TopicPartition(topic.topic, 0)
    client.assign([partition])
    client.commit({partition: offset})
    client.close()


@BOTH_CLIENTS
def test_one_that_is_deleted_is_named_and_the_others_go_on(
    kafka_topic: KafkaTopic,
    topic: Topics,
    admin: KafkaAdminClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "ASK_EVERY", 0.2)
    other = topic()
    source = kafka_topic.open(kafka_topic.topic, other)
    kafka_topic.write(b"a")
    read_all(source, {b"a"})
    admin.delete_topics([other])
    wait_until(
        lambda: source.poll(0.1) == [] and other in source.waits_for(), 20, "the deleted topic is named"
    )
    kafka_topic.write(b"b")
    read_all(source, {b"b"})
    create(admin, other)
    wait_until(lambda: source.poll(0.1) == [] and source.waits_for() == "", 20, "it is there again")


@pytest.mark.parametrize("error", [KeyError("t"), KafkaTimeoutError("no leader")], ids=repr)
def test_one_that_is_deleted_while_kafka_is_asked_is_no_outage(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    broker = Broker([b"a"])
    source = broker.open(monkeypatch)
    assert values(read(source, 1)) == [b"a"]
    broker.is_deleted_when_asked(error)
    wait_until(
        lambda: source.poll(0.1) == [] and "exist" in source.waits_for(), 20, "the topic is named", every=0
    )


@BOTH_CLIENTS
def test_what_is_in_hand_of_a_topic_that_is_deleted_is_committed_without_ado(
    kafka_topic: KafkaTopic, admin: KafkaAdminClient
) -> None:
    """The client asks again and again whether Kafka has taken it."""
    kafka_topic.write(b"a")
    source = kafka_topic.open()
    read(source, 1)
    admin.delete_topics([kafka_topic.topic])
    wait_until(lambda: kafka_topic.topic not in admin.list_topics(), 20, "the topic is gone")
    source.commit({(kafka_topic.topic, 0): 1})
    wait_until(lambda: source.poll(0.1) == [] and "exist" in source.waits_for(), 20, "the topic is named")


def test_a_client_that_could_not_begin_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker([b"a"])
    source = broker.open(monkeypatch)
    broker.mute = 1
    with pytest.raises(SourceUnavailable):
        source.poll(0.1)
    assert values(read(source, 1)) == [b"a"]
