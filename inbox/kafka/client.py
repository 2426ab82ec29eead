"""The Kafka client: how the inbox sets it up, and what else may be set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from inbox.errors import TopicDeleted

FIXED = {
    "enable_auto_commit": False,  # offsets follow the database, never the clock
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "group_instance_id": None,  # a static member of a cooperative group can leave a partition unread
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
    "key_deserializer",
    "value_deserializer",
    "kafka_client",
}
WITHOUT_GROUP: Mapping[str, Any] = {"group_id": None, "auto_offset_reset": "earliest"}
ANSWER_MS = 3_000  # after this time without an answer Kafka counts as unavailable


def known_options() -> set[str]:
    """The client options that ``KAFKA["OPTIONS"]`` may hold."""
    return set(KafkaConsumer.DEFAULT_CONFIG) - RESERVED


def config(servers: Sequence[str], options: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """All options of a client: those of a person, and ``own``, which are for this client only."""
    return {**DEFAULTS, **options, **FIXED, "bootstrap_servers": list(servers), **own}


def connect(options: Mapping[str, Any]) -> Any:
    """A consumer with these options."""
    made: list[Any] = []

    def remembered(**given: Any) -> Any:
        made.append(KafkaConsumer.DEFAULT_CONFIG["kafka_client"](**given))
        return made[-1]

    try:
        consumer = KafkaConsumer(**options, kafka_client=remembered)
    except BaseException:
        for client in made:  # a consumer whose constructor fails leaves its thread running
            client.close()
        raise
    # The client does not pass this option on, and would create a deleted topic again, with default settings.
    consumer._client.cluster.config["allow_auto_create_topics"] = False
    return consumer


def connect_admin(servers: Sequence[str], options: Mapping[str, Any]) -> Any:
    """A client that asks about a group, or changes it, from outside."""
    known = {n: v for n, v in config(servers, options).items() if n in KafkaAdminClient.DEFAULT_CONFIG}
    return KafkaAdminClient(**known)


def bounds(
    client: Any, partitions: Collection[TopicPartition], timeout_ms: int
) -> dict[TopicPartition, tuple[int, int]]:
    """The first offset and the end offset of each partition.

    Raises KafkaTimeoutError, and TopicDeleted.
    """
    asked = list(partitions)
    try:
        beginnings = client.beginning_offsets(asked, timeout_ms=timeout_ms)
        ends = client.end_offsets(asked, timeout_ms=timeout_ms)
    except KeyError as error:  # the client raises this for a topic that was deleted meanwhile
        names = ", ".join(sorted({partition.topic for partition in asked}))
        raise TopicDeleted(f"a topic was deleted a moment ago, one of: {names}") from error
    return {partition: (beginnings[partition], ends[partition]) for partition in asked}


def cluster_id(client: Any) -> str:
    """The id of the cluster that a consumer is connected to."""
    return client._client.cluster.cluster_id or ""


def topic_ids(client: Any) -> Mapping[str, UUID | None]:
    """The topics that a consumer knows, by its last metadata, and their ids (KIP-516). Sends no request."""
    cluster = client._client.cluster
    return {topic: cluster.topic_id(topic) for topic in cluster.topics()}
