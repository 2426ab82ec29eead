"""Who may move a partition, at the real Kafka: only who reads it, and whoever reads it next begins there."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from django.db import connection, transaction
from kafka import KafkaConsumer, TopicPartition
from pytest_django import Settings

from inbox.errors import SourceUnavailable
from inbox.models import Offset
from inbox.offsets import DatabaseOffsets, Stored
from inbox.operations.bulk import operations
from inbox.source import Source
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.seeks import request
from tests.inbox.topics import KafkaTopic, read
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def committed(log: KafkaTopic, servers: str) -> int | None:
    with closing(KafkaConsumer(bootstrap_servers=servers, group_id=log.group)) as client:
        found: int | None = client.committed(TopicPartition(log.topic, 0))
        return found


def moved(source: Source, log: KafkaTopic, offset: int) -> bool:
    """Whether the group takes it from this process."""
    try:
        return source.move({(log.topic, 0): offset})
    except SourceUnavailable:
        return False


@BOTH_CLIENTS
def test_who_reads_a_partition_moves_it(kafka_topic: KafkaTopic, kafka_bootstrap: str) -> None:
    kafka_topic.write(b"0", b"1", b"2")
    source = kafka_topic.open()
    read(source, 3)
    source.commit({(kafka_topic.topic, 0): 3})
    assert moved(source, kafka_topic, 1)
    assert committed(kafka_topic, kafka_bootstrap) == 1
    source.commit({})
    assert committed(kafka_topic, kafka_bootstrap) == 1, "no older commit comes behind it"


@BOTH_CLIENTS
def test_who_is_no_member_moves_nothing(kafka_topic: KafkaTopic, kafka_bootstrap: str) -> None:
    kafka_topic.write(b"0", b"1", b"2")
    source = kafka_topic.open()
    assert not moved(source, kafka_topic, 2), "it has not joined yet"
    read(source, 3)
    source.close()
    assert not moved(source, kafka_topic, 2)
    assert committed(kafka_topic, kafka_bootstrap) is None


@BOTH_CLIENTS
def test_who_has_lost_a_partition_moves_nothing(kafka_topic: KafkaTopic, kafka_bootstrap: str) -> None:
    """It believes that it still reads the partition: it did not poll while the group gave it away."""
    kafka_topic.write(b"0", b"1", b"2")
    slow = kafka_topic.open(max_poll_interval_ms=6_000)
    read(slow, 3)
    slow.commit({(kafka_topic.topic, 0): 3})
    other = kafka_topic.open()
    wait_until(lambda: (other.poll(0.1), other.partitions())[1], 40, "the group gives it to the other one")
    assert slow.partitions(), "it has not noticed"
    assert not moved(slow, kafka_topic, 1)
    assert committed(kafka_topic, kafka_bootstrap) == 3
    assert moved(other, kafka_topic, 2)


def test_who_reads_a_partition_next_waits_for_the_transaction_that_moves_it(transactional_db: None) -> None:
    """Kafka has its copy already, so the group may have given the partition to another process."""
    place = ("t", 0)
    DatabaseOffsets("test").begin(place, Stored(3))
    found: list[int] = []

    def next_reader() -> None:
        found.append(DatabaseOffsets("test").load([place])[place].offset)
        connection.close()

    reader = threading.Thread(target=next_reader)
    with transaction.atomic():
        DatabaseOffsets("test").move(place, Stored(7))
        reader.start()

        def waits() -> bool:
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_locks WHERE NOT granted")
                return bool(cursor.rowcount)

        wait_until(lambda: found or waits(), 20, "the next reader asks where to begin")
        assert found == []
    reader.join(20)
    assert found == [7]


@BOTH_CLIENTS
def test_without_a_running_process_anybody_carries_it_out(
    kafka_topic: KafkaTopic, kafka_bootstrap: str, settings: Settings, client: str
) -> None:
    kafka_topic.write(b"0", b"1", b"2")
    settings.INBOX = {
        "KAFKA": {"BACKEND": client, "OPTIONS": {"bootstrap_servers": kafka_bootstrap}},
        "CONSUMERS": {"c": {"TOPICS": [kafka_topic.topic], "GROUP": kafka_topic.group}},
    }
    DatabaseOffsets("c").begin((kafka_topic.topic, 0), Stored(0))
    source = kafka_topic.open()
    read(source, 3)
    row = request({0: 2}, consumer="c", topic=kafka_topic.topic)
    operations.carry("default", "a test", only=row.pk)
    row.refresh_from_db()
    assert row.state == "running"
    assert "has 1 member that writes no heartbeat" in row.error, "somebody else reads it, and is not fooled"
    assert (Offset.objects.get().offset, committed(kafka_topic, kafka_bootstrap)) == (0, None)
    source.close()
    wait_until(
        lambda: operations.carry("default", "a test", only=row.pk) and done(row.pk), 20, "it is carried out"
    )
    assert (Offset.objects.get().offset, committed(kafka_topic, kafka_bootstrap)) == (2, 2)


def done(pk: int) -> bool:
    return bool(operations.rows("default").get(pk=pk).state == "done")
