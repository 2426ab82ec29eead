"""Asks a cluster with the options of the publisher, for outbox_doctor."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from outbox_core.errors import KafkaUnreachable
from outbox_core.kafka_endpoint import Address
from outbox_core.operations.doctor.cluster import Cluster, Partition, Topic, Trouble
from outbox_core.operations.doctor.topics import CONFIGS
from relay.publishers.confluent.client_reports import ClientReports
from relay.publishers.confluent.errors import CLIENT_ERRORS, of, words

T = TypeVar("T")
GROUP = "outbox-doctor"
"""librdkafka asks for a name. The consumer joins no group, and commits nothing."""
_TROUBLES = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Trouble.FORBIDDEN,
    KafkaError.UNKNOWN_TOPIC_OR_PART: Trouble.MISSING,
    KafkaError.TOPIC_EXCEPTION: Trouble.MISSING,
    KafkaError.LEADER_NOT_AVAILABLE: Trouble.MISSING,
}


class Inspector:
    """See outbox_core.operations.doctor.cluster.Inspector."""

    def __init__(self, options: Mapping[str, Any], seconds: float) -> None:
        self._reports = ClientReports()
        self._options = {**options, "error_cb": self._reports.error}
        self._seconds = seconds
        self._admin: AdminClient | None = None

    def cluster(self) -> Cluster:
        def ask(admin: AdminClient) -> Cluster:
            found = self._answer(admin.describe_cluster(request_timeout=self._seconds))
            brokers = tuple(Address(node.host, node.port) for node in found.nodes)
            return Cluster(id=found.cluster_id or "", brokers=brokers)

        return self._asked(ask)

    def topics(self, names: Collection[str]) -> Sequence[Topic]:
        def ask(admin: AdminClient) -> Sequence[Topic]:
            described = admin.describe_topics(
                TopicCollection(list(names)),
                include_authorized_operations=True,
                request_timeout=self._seconds,
            )
            resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
            configs = admin.describe_configs(resources, request_timeout=self._seconds)
            settings = {resource.name: self._configs(answer) for resource, answer in configs.items()}
            return [self._topic(name, described[name], settings[name]) for name in names]

        return self._asked(ask)

    def ends(self, topic: str) -> Mapping[int, int]:
        def ask(consumer: Consumer) -> Mapping[int, int]:
            numbers = consumer.list_topics(topic, timeout=self._seconds).topics[topic].partitions
            return {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), self._seconds)[1]
                for number in numbers
            }

        return self._read(ask)

    def read(self, topic: str, starts: Mapping[int, int], key: bytes, seconds: float) -> float | None:
        def ask(consumer: Consumer) -> float | None:
            consumer.assign([TopicPartition(topic, number, start) for number, start in starts.items()])
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                record = consumer.poll(0.2)
                if record is not None and record.error():
                    raise KafkaException(record.error())
                if record is not None and record.key() == key:
                    return float(record.timestamp()[1]) / 1000
            return None

        return self._read(ask)

    def close(self) -> None:
        self._admin = None

    def _topic(self, name: str, answer: Future[Any], configs: Mapping[str, str]) -> Topic:
        try:
            found = self._answer(answer)
        except KafkaException as error:
            trouble = _TROUBLES.get(code(error))
            if trouble is None:
                raise
            return Topic(name=name, trouble=trouble)
        allowed = found.authorized_operations
        return Topic(
            name=name,
            partitions=tuple(map(_partition, found.partitions)),
            operations=frozenset(each.name for each in allowed) if allowed else None,
            configs=configs,
        )

    def _configs(self, answer: Future[Any]) -> Mapping[str, str]:
        try:
            found = self._answer(answer)
        except KafkaException as error:
            if code(error) in {*_TROUBLES, KafkaError.CLUSTER_AUTHORIZATION_FAILED}:
                return {}
            raise
        return {name: found[name].value for name in CONFIGS if name in found}

    def _answer(self, answer: Future[T]) -> T:
        return answer.result(self._seconds + 1)

    def _asked(self, ask: Callable[[AdminClient], T]) -> T:
        try:
            self._admin = self._admin or AdminClient(self._options, logger=self._reports)
            answer = ask(self._admin)
        except CLIENT_ERRORS as error:
            if self._admin is not None:
                self._admin.poll(0)
            raise KafkaUnreachable(self._reports.trouble or words(error)) from error
        self._reports.trouble = ""
        return answer

    def _read(self, ask: Callable[[Consumer], T]) -> T:
        decided = {"group.id": GROUP, "enable.auto.commit": False, "allow.auto.create.topics": False}
        try:
            consumer = Consumer({**self._options, **decided}, logger=self._reports)
        except CLIENT_ERRORS as error:
            raise KafkaUnreachable(words(error)) from error
        try:
            return ask(consumer)
        except (*CLIENT_ERRORS, KeyError) as error:
            raise KafkaUnreachable(words(error)) from error
        finally:
            with suppress(*CLIENT_ERRORS):
                consumer.close()


def code(error: KafkaException) -> int:
    """The code of librdkafka's own error."""
    own = of(error)
    return int(own.code()) if own is not None else int(KafkaError.UNKNOWN)


def _partition(described: Any) -> Partition:
    return Partition(
        number=described.id,
        replicas=len(described.replicas),
        in_sync=len(described.isr),
        has_leader=described.leader is not None,
    )
