"""What confluent-kafka's describer remembers of topics, for answers that come too late."""

from __future__ import annotations

from contextlib import closing

import pytest

from outbox_core.librdkafka import ClientReports
from relay.publishers.confluent.topics import TopicDescriber
from relay.publishers.directory import KEPT_SECONDS
from tests.publishers.broker import Broker

pytestmark = pytest.mark.real_kafka


def test_limits_of_topics_that_are_not_written_any_more_are_forgotten(broker: Broker) -> None:
    """As the directory does. Topics may be named after tenants, or days."""
    now = 0.0
    old, used = broker.topic(), broker.topic()
    describer = TopicDescriber({"bootstrap.servers": broker.address}, ClientReports(), clock=lambda: now)
    with closing(describer):
        describer([old, used], 20.0)
        assert {*describer.known} == {old, used}
        now = KEPT_SECONDS / 2
        [topic] = describer([used], 20.0)
        assert topic.max_bytes is not None
        assert {*describer.known} == {old, used}
        now = KEPT_SECONDS + 1
        describer([f"{old}.missing"], 20.0)
        assert {*describer.known} == {used}
