"""Many topics that do not exist: the events of all others are published as if nothing had happened."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.admin import NewTopic

from outbox.models import Held, Hold
from outbox_core.wire.encode import BinaryEncoder
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.publishers.base import Publisher
from relay.publishers.confluent import ConfluentPublisher
from relay.publishers.kafka_python import KafkaPythonPublisher
from tests.conftest import Topics
from tests.relay.conftest import insert, running_relay
from tests.waiting import wait_until

MISSING = 60
BOUND_SECONDS = 5.0
"""An event of a topic that exists took tens of seconds where each missing one was waited for."""


@pytest.fixture(params=["kafka-python", "confluent"])
def publisher(request: pytest.FixtureRequest, kafka_bootstrap: str) -> Publisher:
    """One that does not have topics created."""
    if request.param == "confluent":
        return ConfluentPublisher({"bootstrap.servers": kafka_bootstrap, "allow.auto.create.topics": False})
    return KafkaPythonPublisher(
        {"bootstrap_servers": kafka_bootstrap.split(","), "allow_auto_create_topics": False}
    )


@pytest.fixture
def relay(publisher: Publisher, transactional_db: None) -> Iterator[Relay]:
    with running_relay(Relay("default", RelaySettings(), publisher, BinaryEncoder("/test"))) as relay:
        yield relay


@pytest.mark.real_kafka
def test_events_of_a_topic_that_exists_do_not_wait_for_those_that_do_not(
    relay: Relay, topic: Topics, kafka_bootstrap: str
) -> None:
    there, prefix = topic(), f"test.missing-{secrets.token_hex(4)}"
    for number in range(MISSING):
        insert(number, f"{prefix}.{number}")
    wait_until(lambda: Held.objects.count() == MISSING, 60, "the events of the missing topics are held")
    consumer = KafkaConsumer(there, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")
    try:
        for _ in range(5):
            insert(0, there)
            began = time.monotonic()
            wait_until(lambda: bool(consumer.poll(timeout_ms=100)), BOUND_SECONDS, "the event is published")
            assert time.monotonic() - began < BOUND_SECONDS
    finally:
        consumer.close()
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.create_topics([NewTopic(f"{prefix}.{number}", 1, 1) for number in range(MISSING)])
    admin.close()
    wait_until(lambda: not Hold.objects.exists(), 90, "every topic is released by itself")
    assert not Held.objects.exists()
