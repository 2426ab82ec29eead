"""Asking the broker about topics, through kafka-python's admin client."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from threading import Thread
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from relay.publishers.base import Trouble
from relay.publishers.kafka_python.network import Network
from relay.publishers.kafka_python.options import made
from relay.publishers.topics import Topic

MAX_MESSAGE_BYTES = "max.message.bytes"
ANSWER_MS = 2_000
CLOSE_SECONDS = 1.0

_OPTIONS = frozenset(KafkaAdminClient.DEFAULT_CONFIG)


class TopicDescriber:
    """Describes topics within the time that it is given; the client alone waits long for a hanging broker."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = {name: value for name, value in options.items() if name in _OPTIONS}
        self._admin: _Admin | None = None

    def __call__(self, names: Collection[str], seconds: float) -> list[Topic]:
        admin = self._admin = self._admin or _Admin(self._options)
        answer: Future[list[Topic]] = Future()
        Thread(target=admin.answer, args=(names, answer), name="relay-topics", daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError as error:
            self.close()
            raise kafka_errors.KafkaTimeoutError(f"No answer within {seconds:.1f} s.") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()


class _Admin:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = {**options, "request_timeout_ms": ANSWER_MS, "bootstrap_timeout_ms": ANSWER_MS}
        self._network: Network | None = None
        self._client: KafkaAdminClient | None = None

    def answer(self, names: Collection[str], answer: Future[list[Topic]]) -> None:
        try:
            answer.set_result(self._describe(names))
        except BaseException as error:
            answer.set_exception(error)

    def close(self) -> None:
        if self._network is not None:
            self._network.abandon(CLOSE_SECONDS)

    def _connect(self, **configs: Any) -> Network:
        self._network = Network(**configs)
        return self._network

    def _describe(self, names: Collection[str]) -> list[Topic]:
        if self._client is None:
            self._client = made(KafkaAdminClient, **self._options, kafka_client=self._connect)
        topics = [_topic(description) for description in self._client.describe_topics(list(names))]
        limits = self._limits([topic.name for topic in topics if topic.trouble is None])
        return [Topic(t.name, limits.get(t.name), t.trouble, t.detail) for t in topics]

    def _limits(self, names: Collection[str]) -> dict[str, int]:
        """max.message.bytes by topic; nothing for those of which this client may not ask."""
        assert self._client is not None
        if not names:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        described = self._client.describe_configs(resources, config_filter="all").get("topic", {})
        return {
            name: int(configs[MAX_MESSAGE_BYTES]["value"])
            for name, configs in described.items()
            if MAX_MESSAGE_BYTES in configs
        }


def _topic(description: Mapping[str, Any]) -> Topic:
    name, error = description["name"], kafka_errors.for_code(description["error_code"])
    allowed = description.get("authorized_operations")
    if error is kafka_errors.TopicAuthorizationFailedError or (allowed and "WRITE" not in allowed):
        return Topic(name, trouble=Trouble.TOPIC_FORBIDDEN)
    if error is kafka_errors.InvalidTopicError:
        return Topic(name, trouble=Trouble.TOPIC_MISSING, detail=f"{name!r} cannot be the name of a topic.")
    if error is kafka_errors.UnknownTopicOrPartitionError or not description["partitions"]:
        return Topic(name, trouble=Trouble.TOPIC_MISSING)
    return Topic(name)
