"""Creates topics."""

from __future__ import annotations

from collections.abc import Mapping

from kafka.errors import TopicAlreadyExistsError

from devstack.kafka.metadata import admin


def create_topics(
    bootstrap_servers: str,
    topics: Mapping[str, int],
    *,
    replication: int = -1,
    configs: Mapping[str, str] | None = None,
) -> None:
    """Create the topics (name -> partitions) that do not exist yet; return once each partition has a leader.

    ``replication`` -1 is the cluster's default. A topic that exists is left as it is.
    """
    with admin(bootstrap_servers) as client:
        for name, partitions in topics.items():
            wanted = {
                "num_partitions": partitions,
                "replication_factor": replication,
                "configs": dict(configs or {}),
            }
            try:
                client.create_topics({name: wanted})
            except TopicAlreadyExistsError:
                continue
        client.wait_for_topics(list(topics), timeout_ms=30_000)
