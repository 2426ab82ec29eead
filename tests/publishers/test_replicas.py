"""A topic that too few brokers can store keeps no other topic waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from devstack.kafka import create_topics
from devstack.kafka.cluster import Cluster
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.step import Finding, Outcome
from outbox_core.operations.doctor.topics import Needs, judge
from relay.doctor.needs import WRITING
from relay.publishers.base import Publisher, Trouble
from relay.publishers.topics import MIN_IN_SYNC, Topic
from tests.publishers.clients import deliver, records
from tests.publishers.contract import troubles
from tests.waiting import wait_until

Connect = Callable[..., Publisher]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(brokers=3, config={"replica.lag.time.max.ms": "3000"}) as cluster:
        yield cluster


@pytest.mark.parametrize(
    ("in_sync", "replicas", "least", "is_short"),
    [(2, 3, 3, True), (2, 3, 2, False), (1, 1, 2, False), (0, 1, 1, True)],
)
def test_brokers_ask_for_no_more_replicas_than_there_are(
    in_sync: int, replicas: int, least: int, is_short: bool
) -> None:
    topic = Topic("t", replicas=frozenset([(in_sync, replicas), (3, 3)])).limited({MIN_IN_SYNC: least})
    assert (topic.trouble is Trouble.NOT_ENOUGH_REPLICAS) is is_short


@pytest.mark.integration
@pytest.mark.real_kafka
def test_a_topic_with_too_few_replicas_in_sync_keeps_no_other_waiting(
    cluster: Cluster, connect: Connect
) -> None:
    """The client alone would send again and again for as long as a wave may take."""
    short, other = f"test.{uuid4().hex}", f"test.{uuid4().hex}"
    create_topics(cluster.bootstrap_servers, {short: 1}, configs={MIN_IN_SYNC: "3"})
    create_topics(cluster.bootstrap_servers, {other: 1}, configs={MIN_IN_SYNC: "1"})
    publisher = connect(cluster.brokers[0].address, delivery_seconds=60.0)
    wanted = [*records(short, ["key"], 2), *records(other, ["key"], 2)]
    assert deliver(publisher, wanted) == []
    cluster.brokers[2].kill()
    try:
        wait_until(lambda: in_sync(cluster, short) == 2, 40, "a replica is out of sync")
        publisher.prepare([short, other])
        began = time.monotonic()
        assert troubles(publisher.publish(wanted)) == [*[Trouble.NOT_ENOUGH_REPLICAS] * 2, None, None]
        assert time.monotonic() - began < 40
    finally:
        cluster.brokers[2].start()
    wait_until(lambda: deliver(publisher, records(short, ["key"], 2)) == [], 60, "it can be written")


@pytest.mark.integration
@pytest.mark.real_kafka
def test_a_topic_with_a_partition_without_a_leader_keeps_no_other_waiting(
    cluster: Cluster, connect: Connect
) -> None:
    """Its only replica is away, so no broker can take the place."""
    alone, other = f"test.{uuid4().hex}", f"test.{uuid4().hex}"
    with closing(KafkaAdminClient(bootstrap_servers=cluster.brokers[0].address)) as admin:
        admin.create_topics({alone: {"assignments": {0: [3]}}}, wait_for_metadata=True)
    create_topics(cluster.bootstrap_servers, {other: 1}, replication=3, configs={MIN_IN_SYNC: "1"})
    publisher = connect(cluster.brokers[0].address, delivery_seconds=60.0)
    wanted = [*records(alone, ["key"], 2), *records(other, ["key"], 2)]
    wait_until(lambda: deliver(publisher, wanted) == [], 40, "its broker knows both")
    cluster.brokers[2].kill()
    try:
        began = time.monotonic()
        publisher.prepare([alone, other])
        assert troubles(publisher.publish(wanted)) == [*[Trouble.NOT_ENOUGH_REPLICAS] * 2, None, None]
        assert time.monotonic() - began < 40
    finally:
        cluster.brokers[2].start()
    wait_until(lambda: deliver(publisher, records(alone, ["key"], 2)) == [], 60, "it can be written")


@pytest.mark.integration
@pytest.mark.real_kafka
def test_the_doctor_names_a_topic_with_a_partition_without_a_leader(
    cluster: Cluster, connect: Connect
) -> None:
    """So that the topic is found before an event waits for it."""
    alone = f"test.{uuid4().hex}"
    with closing(KafkaAdminClient(bootstrap_servers=cluster.brokers[0].address)) as admin:
        admin.create_topics({alone: {"assignments": {0: [1], 1: [3], 2: [2]}}}, wait_for_metadata=True)
    publisher: Any = connect(cluster.brokers[0].address)
    inspector = publisher.inspector(5.0)
    needs = Needs(operations=WRITING, writes=True)

    def found() -> list[Finding]:
        with suppress(KafkaUnreachable):  # it asks the broker that is away
            (topic,) = inspector.topics([alone])
            return [each for each in judge(topic, needs, inspector.cluster()) if isinstance(each, Finding)]
        return []

    cluster.brokers[2].kill()
    try:
        wait_until(lambda: any("leader" in each.text for each in found()), 40, "a partition has no leader")
        first = found()[0]
        assert first.outcome is Outcome.FAILED
        assert first.text == f"{alone} has no leader for partition 1."
        assert f"--describe --topic {alone}" in first.remedy
    finally:
        inspector.close()
        cluster.brokers[2].start()


def in_sync(cluster: Cluster, topic: str) -> int:
    with (
        suppress(KafkaError),  # it asks the broker that is away
        closing(KafkaAdminClient(bootstrap_servers=cluster.brokers[0].address)) as admin,
    ):
        (described,) = admin.describe_topics([topic])
        return len(described["partitions"][0]["isr_nodes"])
    return 0
