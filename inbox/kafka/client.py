"""The Kafka client: how the inbox sets it up, and what else may be set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kafka import KafkaConsumer

FIXED = {
    "enable_auto_commit": False,  # offsets follow the database, never the clock
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}
DEFAULTS = {
    "auto_offset_reset": "earliest",
    "max_poll_records": 500,
    "fetch_max_bytes": 8 * 1024 * 1024,
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 3_000,
    "request_timeout_ms": 10_000,
    "reconnect_backoff_max_ms": 1_000,
    "metadata_max_age_ms": 5_000,  # how soon a deleted or recreated topic is noticed
    "bootstrap_timeout_ms": 3_000,
}
RESERVED = {
    *FIXED,
    "bootstrap_servers",
    "group_id",
    "group_instance_id",  # a static member of a cooperative group can leave a partition without a reader
    "key_deserializer",
    "value_deserializer",
    "kafka_client",
}
ANSWER_MS = 3_000  # after this time without an answer Kafka counts as unavailable


def known_options() -> set[str]:
    """The client options that ``KAFKA["OPTIONS"]`` may hold."""
    return set(KafkaConsumer.DEFAULT_CONFIG) - RESERVED


def connect(config: Mapping[str, Any]) -> Any:
    """A consumer with these options."""
    made: list[Any] = []

    def remembered(**options: Any) -> Any:
        made.append(KafkaConsumer.DEFAULT_CONFIG["kafka_client"](**options))
        return made[-1]

    try:
        consumer = KafkaConsumer(**config, kafka_client=remembered)
    except BaseException:
        for client in made:  # a consumer whose constructor fails leaves its thread running
            client.close()
        raise
    # The client does not pass this option on, and would create a deleted topic again, with default settings.
    consumer._client.cluster.config["allow_auto_create_topics"] = False
    return consumer


def cluster_id(client: Any) -> str:
    """The id of the cluster that a consumer is connected to."""
    return client._client.cluster.cluster_id or ""


def topic_ids(client: Any) -> Mapping[str, UUID | None]:
    """The topics that a consumer knows, by its last metadata, and their ids (KIP-516). Sends no request."""
    cluster = client._client.cluster
    return {topic: cluster.topic_id(topic) for topic in cluster.topics()}
