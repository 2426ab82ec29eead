"""Creates topics, for outbox_topics. kafka-python does it, whichever client publishes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors

from outbox_core.kafka_endpoint import Endpoint
from outbox_core.kafka_python import words
from outbox_core.kafka_reasons import explained
from relay.errors import PublisherUnavailable, TopicRefused
from relay.publishers.kafka_python.network import Network
from relay.publishers.kafka_python.options import answered_within, made
from relay.publishers.question import Question

CLOSE_SECONDS = 1.0

_OPTIONS = frozenset(KafkaAdminClient.DEFAULT_CONFIG)


def create_topics(
    options: Mapping[str, Any], names: Collection[str], *, partitions: int, copies: int, seconds: float
) -> list[str]:
    """Create those that do not exist, in one request, and return their names. -1 is the broker's default.

    Raises:
        PublisherUnavailable: Kafka does not answer within so many seconds.
        TopicRefused: naming the topic and the broker's reason.
    """
    endpoint = Endpoint.of(options)
    known = {name: value for name, value in endpoint.options.items() if name in _OPTIONS}
    wanted = {name: {"num_partitions": partitions, "replication_factor": copies} for name in names}
    networks: list[Network] = []

    def connect(**configs: Any) -> Network:
        networks.append(Network(**configs))
        return networks[-1]

    def ask() -> Any:
        admin = made(KafkaAdminClient, **answered_within(known, seconds), kafka_client=connect)
        return admin.create_topics(wanted, raise_errors=False)

    question = Question(ask)
    try:
        if not question.is_answered(seconds):
            trouble = next((each.trouble for each in networks if each.trouble), "no answer")
            raise PublisherUnavailable(f"Kafka at {endpoint}: {explained(trouble)}, for {seconds:g} s.")
        answer = question.answer()
    except (kafka_errors.KafkaError, OSError) as error:
        raise PublisherUnavailable(f"Kafka at {endpoint}: {explained(words(error))}") from error
    finally:
        for network in networks:
            network.abandon(CLOSE_SECONDS)
    return [topic["name"] for topic in answer["topics"] if _is_created(topic)]


def _is_created(topic: Mapping[str, Any]) -> bool:
    error = kafka_errors.for_code(topic["error_code"])
    if error not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
        reason = topic.get("error_message") or explained(words(error()))
        raise TopicRefused(f"Topic {topic['name']!r} cannot be created: {reason}")
    return error is kafka_errors.NoError
