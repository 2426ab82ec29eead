"""Members of one group share the partitions of their topics, whichever client each of them has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kafka import KafkaAdminClient

from inbox.kafka import KafkaSource
from inbox.kafka.clients import connections
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.topics import KafkaTopic, read, values
from tests.waiting import wait_until

Topics = Callable[..., str]


@pytest.mark.parametrize(
    ("client", "other"),
    [
        (KAFKA_PYTHON, KAFKA_PYTHON),
        (CONFLUENT, CONFLUENT),
        (KAFKA_PYTHON, CONFLUENT),
        (CONFLUENT, KAFKA_PYTHON),
    ],
)
def test_only_the_partition_that_goes_to_another_member_is_given_up(
    kafka_bootstrap: str, topic: Topics, client: str, other: str
) -> None:
    """Also to one with the other client, so that a service can change it member by member."""
    with closing(KafkaTopic(kafka_bootstrap, topic(2), client)) as log:
        log.write(b"a")
        log.write(b"b", partition=1)
        first = log.open()
        read(first, 2)
        log.client = other
        second = log.open()
        joining = threading.Thread(target=lambda: second.poll(8))
        joining.start()
        wait_until(lambda: not first.keep_alive(), 10, "the first member is told of the rebalance")
        wait_until(lambda: first.poll(0.1) or second.partitions(), 15, "both have joined")
        joining.join()
        assert {len(first.partitions()), len(second.partitions())} == {1}


@pytest.mark.real_kafka
def test_members_of_the_new_group_protocol_share_the_partitions(kafka_bootstrap: str, topic: Topics) -> None:
    """KIP-848: the broker assigns the partitions."""
    with closing(KafkaTopic(kafka_bootstrap, topic(2), CONFLUENT)) as log:
        log.write(b"a")
        log.write(b"b", partition=1)
        sources = [
            KafkaSource(
                "test",
                connections(CONFLUENT, [kafka_bootstrap], {"group.protocol": "consumer"}, log.group),
                topics=[log.topic],
                offsets=log.offsets,
            )
            for _ in range(2)
        ]
        with closing(sources[0]) as first, closing(sources[1]) as second:
            read(first, 2)
            first.commit({(log.topic, 0): 1, (log.topic, 1): 1})

            def shared() -> bool:
                return not first.poll(0.1) and not second.poll(0.1) and len(second.partitions()) == 1

            wait_until(shared, 30, "each has one partition")
            assert len(first.partitions()) == 1
            log.write(b"c")
            log.write(b"d", partition=1)
            found: list[bytes | None] = []
            for source in (first, second):
                found += values(read(source, 1))
            assert sorted(map(bytes, filter(None, found))) == [b"c", b"d"]


@BOTH_CLIENTS
def test_members_that_poll_rarely_share_the_partitions(
    kafka_bootstrap: str, topic: Topics, client: str
) -> None:
    """A join ends between two polls of a member that handles events. The client would forget it."""
    with closing(KafkaTopic(kafka_bootstrap, topic(2), client)) as log:
        log.write(b"a")
        log.write(b"b", partition=1)
        first, second = log.open(), log.open()
        read(first, 2)

        def shared() -> bool:
            first.poll(0.01)
            return len(first.partitions()) == len(second.partitions()) == 1

        with polled(second, every=0.4):
            wait_until(shared, 60, "each has one partition", every=0.4)
        if client == KAFKA_PYTHON:
            group: Any = first._group
            assert group.client.group_metadata().generation_id <= 6


@contextmanager
def polled(source: KafkaSource, every: float) -> Iterator[None]:
    """Poll a source now and then."""
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(every):
            source.poll(0.01)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@BOTH_CLIENTS
def test_new_partitions_are_read_although_joining_takes_longer_than_a_poll(
    kafka_bootstrap: str, kafka_topic: KafkaTopic
) -> None:
    """The client forgets about such a join, and would never read anything again."""
    kafka_topic.write(b"a")
    source = kafka_topic.open()
    read(source, 1)
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.create_partitions({kafka_topic.topic: 2})
    admin.close()
    later = KafkaTopic(kafka_bootstrap, kafka_topic.topic)
    later.write(b"b", partition=1)
    later.write(b"c")
    later.close()
    received: list[bytes | None] = []
    wait_until(lambda: received.extend(values(source.poll(0.05))) or len(received) >= 2, 30, "both are read")  # type: ignore[func-returns-value, arg-type]
    assert {b"b", b"c"} <= set(received)
