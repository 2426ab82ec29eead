"""Asks a cluster through confluent-kafka. The caller gives the module: this package imports no client."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from outbox_core.address import Address
from outbox_core.errors import KafkaUnreachable
from outbox_core.librdkafka import ClientReports, of, topic_id, words
from outbox_core.operations.doctor.cluster import Cluster, Partition, Topic, Trouble
from outbox_core.operations.doctor.topics import CONFIGS

T = TypeVar("T")
GROUP = "outbox-doctor"
"""librdkafka asks for a name. The consumer joins no group, and commits nothing."""
ERRORS = 3
"""What librdkafka logs of a consumer: not each option that only a producer has."""
_TROUBLES = {
    "TOPIC_AUTHORIZATION_FAILED": Trouble.FORBIDDEN,
    "UNKNOWN_TOPIC_OR_PART": Trouble.MISSING,
    "TOPIC_EXCEPTION": Trouble.MISSING,
    "LEADER_NOT_AVAILABLE": Trouble.MISSING,
}


class ConfluentInspector:
    """See outbox_core.operations.doctor.cluster.Inspector. ``module`` is confluent_kafka with its admin."""

    def __init__(self, module: Any, options: Mapping[str, Any], seconds: float) -> None:
        self._kafka = module
        self._reports = ClientReports()
        self._options = {**options, "error_cb": self._reports.error}
        self._seconds = seconds
        self._admin: Any = None
        self._errors = (module.KafkaException, BufferError, OSError, RuntimeError)

    def cluster(self) -> Cluster:
        def ask(admin: Any) -> Cluster:
            found = self._answer(admin.describe_cluster(request_timeout=self._seconds))
            brokers = tuple(Address(node.host, node.port) for node in found.nodes)
            return Cluster(id=found.cluster_id or "", brokers=brokers)

        return self._asked(ask)

    def topics(self, names: Collection[str]) -> Sequence[Topic]:
        def ask(admin: Any) -> Sequence[Topic]:
            described = admin.describe_topics(
                self._kafka.TopicCollection(list(names)),
                include_authorized_operations=True,
                request_timeout=self._seconds,
            )
            resources = [
                self._kafka.admin.ConfigResource(self._kafka.admin.ResourceType.TOPIC, name) for name in names
            ]
            configs = admin.describe_configs(resources, request_timeout=self._seconds)
            settings = {resource.name: self._configs(answer) for resource, answer in configs.items()}
            return [self._topic(name, described[name], settings[name]) for name in names]

        return self._asked(ask)

    def group(self, name: str) -> frozenset[str] | None:
        """What this client may do with a consumer group, empty if the broker does not say. None: nothing."""

        def ask(admin: Any) -> frozenset[str] | None:
            asked = admin.describe_consumer_groups(
                [name], include_authorized_operations=True, request_timeout=self._seconds
            )
            try:
                allowed = self._answer(asked[name]).authorized_operations
            except self._kafka.KafkaException as error:
                if code(error) == "GROUP_AUTHORIZATION_FAILED":
                    return None
                if code(error) == "GROUP_ID_NOT_FOUND":
                    return frozenset()
                raise
            return frozenset(each.name for each in allowed or ())

        return self._asked(ask)

    def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """The first offset and the end offset of each partition."""

        def ask(consumer: Any) -> Mapping[int, tuple[int, int]]:
            return {
                place.partition: consumer.get_watermark_offsets(place, self._seconds)
                for place in self._places(consumer, topic)
            }

        return self._read(ask)

    def ends(self, topic: str) -> Mapping[int, int]:
        return {number: end for number, (_, end) in self.bounds(topic).items()}

    def read(self, topic: str, starts: Mapping[int, int], key: bytes, seconds: float) -> float | None:
        def ask(consumer: Any) -> float | None:
            consumer.assign(
                [self._kafka.TopicPartition(topic, number, start) for number, start in starts.items()]
            )
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                record = consumer.poll(0.2)
                if record is not None and record.error():
                    raise self._kafka.KafkaException(record.error())
                if record is not None and record.key() == key:
                    return float(record.timestamp()[1]) / 1000
            return None

        return self._read(ask)

    def close(self) -> None:
        self._admin = None

    def _topic(self, name: str, answer: Future[Any], configs: Mapping[str, str]) -> Topic:
        try:
            found = self._answer(answer)
        except self._kafka.KafkaException as error:
            trouble = _TROUBLES.get(code(error))
            if trouble is None:
                raise
            return Topic(name=name, trouble=trouble)
        allowed = found.authorized_operations
        return Topic(
            name=name,
            id=str(topic_id(str(found.topic_id)) or ""),
            partitions=tuple(map(_partition, found.partitions)),
            operations=frozenset(each.name for each in allowed) if allowed else None,
            configs=configs,
        )

    def _configs(self, answer: Future[Any]) -> Mapping[str, str]:
        try:
            found = self._answer(answer)
        except self._kafka.KafkaException as error:
            if code(error) in {*_TROUBLES, "CLUSTER_AUTHORIZATION_FAILED"}:
                return {}
            raise
        return {name: found[name].value for name in CONFIGS if name in found}

    def _answer(self, answer: Future[T]) -> T:
        return answer.result(self._seconds + 1)

    def _asked(self, ask: Callable[[Any], T]) -> T:
        try:
            self._admin = self._admin or self._kafka.admin.AdminClient(self._options, logger=self._reports)
            answer = ask(self._admin)
        except self._errors as error:
            if self._admin is not None:
                self._admin.poll(0)
            raise KafkaUnreachable(self._reports.trouble or words(error)) from error
        self._reports.trouble = ""
        return answer

    def _places(self, consumer: Any, topic: str) -> list[Any]:
        numbers = consumer.list_topics(topic, timeout=self._seconds).topics[topic].partitions
        return [self._kafka.TopicPartition(topic, number) for number in numbers]

    def _read(self, ask: Callable[[Any], T]) -> T:
        with self._consumer() as consumer:
            return ask(consumer)

    @contextmanager
    def _consumer(self, options: Mapping[str, Any] = {}) -> Iterator[Any]:
        decided = {
            "group.id": GROUP,
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
            "log_level": ERRORS,
        }
        try:
            consumer = self._kafka.Consumer({**self._options, **decided, **options}, logger=self._reports)
        except self._errors as error:
            raise KafkaUnreachable(words(error)) from error
        try:
            yield consumer
        except (*self._errors, KeyError) as error:
            raise KafkaUnreachable(words(error)) from error
        finally:
            with suppress(*self._errors):
                consumer.close()


def code(error: BaseException) -> str:
    """The name of librdkafka's own error."""
    own = of(error)
    return str(own.name()) if own is not None else ""


def _partition(described: Any) -> Partition:
    return Partition(
        number=described.id,
        replicas=len(described.replicas),
        in_sync=len(described.isr),
        has_leader=described.leader is not None,
    )
