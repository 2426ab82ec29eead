"""Asks the broker about topics, or to create them, through kafka-python's admin client."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from threading import Lock
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.protocol.metadata import MetadataRequest

from relay.publishers.base import Trouble
from relay.publishers.kafka_python.network import Network
from relay.publishers.kafka_python.options import answered_within, made
from relay.publishers.topics import LIMITS, Topic, internal, unnameable

CLOSE_SECONDS = 1.0

_OPTIONS = frozenset(KafkaAdminClient.DEFAULT_CONFIG)


class TopicDescriber:
    """Describes topics within a number of seconds, and asks a broker to create topics.

    ``trouble`` is why the last connection failed.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = {name: value for name, value in options.items() if name in _OPTIONS}
        self._admin: _Admin | None = None
        self._trouble = ""

    @property
    def trouble(self) -> str:
        return (self._admin.trouble if self._admin is not None else "") or self._trouble

    def __call__(self, names: Collection[str], seconds: float) -> list[Topic]:
        """Raises the client's error when the broker does not answer."""
        admin = self._admin = self._admin or _Admin(self._options, seconds)
        try:
            topics = admin.describe(names)
        except BaseException:
            if self._admin is admin:
                self.close()
            raise
        self._trouble = ""
        return topics

    def create(self, names: Collection[str]) -> None:
        """Ask for topics that do not exist: a broker that creates topics begins to do so now."""
        if self._admin is not None:
            self._admin.create(names)

    def close(self) -> None:
        """Close the connections. Callers that wait for an answer get an error."""
        self._trouble = self.trouble
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()


class _Admin:
    """One admin client. The first question connects it. It answers one question at a time."""

    def __init__(self, options: Mapping[str, Any], seconds: float) -> None:
        self._options = answered_within(options, seconds)
        self._lock = Lock()
        self._network: Network | None = None
        self._client: KafkaAdminClient | None = None

    @property
    def trouble(self) -> str:
        return self._network.trouble if self._network is not None else ""

    def close(self) -> None:
        if self._network is not None:
            self._network.abandon(CLOSE_SECONDS)

    def _connect(self, **configs: Any) -> Network:
        self._network = Network(**configs)
        return self._network

    def describe(self, names: Collection[str]) -> list[Topic]:
        with self._lock:
            return self._describe(names)

    def _describe(self, names: Collection[str]) -> list[Topic]:
        if self._client is None:
            self._client = made(KafkaAdminClient, **self._options, kafka_client=self._connect)
        topics = [_topic(description) for description in self._client.describe_topics(list(names))]
        limits = self._limits([topic.name for topic in topics if topic.trouble is None])
        if self._network is not None:
            self._network.answered()
        return [topic.limited(limits.get(topic.name, {})) for topic in topics]

    def create(self, names: Collection[str]) -> None:
        assert self._network is not None, "describe() comes first"
        topics = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
        with self._lock:
            self._network.ask(MetadataRequest(topics=topics, allow_auto_topic_creation=True))

    def _limits(self, names: Collection[str]) -> dict[str, dict[str, int]]:
        """The options by topic, without topics that this client may not ask about."""
        assert self._client is not None
        if not names:
            return {}
        only = dict.fromkeys(LIMITS)
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, only) for name in names]
        described = self._client.describe_configs(resources, config_filter="all").get("topic", {})
        return {
            topic: {name: int(configs[name]["value"]) for name in LIMITS if name in configs}
            for topic, configs in described.items()
        }


def _topic(description: Mapping[str, Any]) -> Topic:
    name, error = description["name"], kafka_errors.for_code(description["error_code"])
    allowed = description.get("authorized_operations")
    if error is kafka_errors.TopicAuthorizationFailedError or (allowed and "WRITE" not in allowed):
        return Topic(name, trouble=Trouble.TOPIC_FORBIDDEN)
    if error is kafka_errors.InvalidTopicError:
        return unnameable(name)
    if description.get("is_internal"):
        return internal(name)
    if error is kafka_errors.UnknownTopicOrPartitionError or not description["partitions"]:
        return Topic(name, trouble=Trouble.TOPIC_MISSING)
    partitions = description["partitions"]
    led = [each for each in partitions if each["leader_id"] >= 0]
    replicas = frozenset((len(each["isr_nodes"]), len(each["replica_nodes"])) for each in led)
    return Topic(name, replicas=replicas, leaderless=len(led) < len(partitions))
