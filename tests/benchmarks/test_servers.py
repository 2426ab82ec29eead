"""What a run with three brokers prints about its topics is so."""

from __future__ import annotations

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from benchmarks import ground
from benchmarks.servers import started
from devstack.errors import Unavailable
from devstack.kafka.metadata import admin


@pytest.mark.acceptance
def test_with_three_brokers_every_topic_has_the_copies_that_are_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        with started(brokers=3) as servers:
            monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers.kafka.bootstrap_servers)
            replicas, least = _copies(servers.kafka.bootstrap_servers, ground.topic())
            assert (replicas, least) == ({3}, "2")
            assert str(servers).endswith("brokers=3 default.replication.factor=3 min.insync.replicas=2")
            assert len(servers.pids["Kafka"]) == 3
    except Unavailable as reason:
        pytest.skip(str(reason))


def _copies(bootstrap_servers: str, topic: str) -> tuple[set[int], str]:
    """How many replicas its partitions have, and how many of them must have a record."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    with admin(bootstrap_servers) as client:
        (described,) = client.describe_topics([topic])
        configs = client.describe_configs([resource], config_filter="all")["topic"][topic]
    least = configs["min.insync.replicas"]["value"]
    return {len(each["replica_nodes"]) for each in described["partitions"]}, least
