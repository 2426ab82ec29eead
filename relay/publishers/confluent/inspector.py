"""Asks a cluster with the options of the publisher, for outbox_doctor and outbox_audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from outbox_core.address import Address
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.cluster import Cluster, Partition, Topic, Trouble
from outbox_core.operations.doctor.topics import CONFIGS
from outbox_core.wire.consumed import ConsumerRecord
from relay.consumer_groups.asking import ConsumerGroup
from relay.publishers.confluent.client_reports import ClientReports
from relay.publishers.confluent.errors import CLIENT_ERRORS, of, words

T = TypeVar("T")
GROUP = "outbox-doctor"
"""librdkafka asks for a name. The consumer joins no group, and commits nothing."""
GROUPS = 500
"""The most consumer groups that are looked at."""
BATCH = 1_000
BATCH_SECONDS = 0.5
ERRORS = 3
"""What librdkafka logs of a consumer: not each option that only a producer has."""
WHOLE: Mapping[str, Any] = {
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "queued.max.messages.kbytes": 16_384,
}
"""Options of a consumer that reads partitions to their end, and not too far ahead."""
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

    def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """The first offset and the end offset of each partition."""

        def ask(consumer: Consumer) -> Mapping[int, tuple[int, int]]:
            return {
                place.partition: consumer.get_watermark_offsets(place, self._seconds)
                for place in self._places(consumer, topic)
            }

        return self._read(ask)

    def ends(self, topic: str) -> Mapping[int, int]:
        return {number: end for number, (_, end) in self.bounds(topic).items()}

    def offsets_at(self, topic: str, seconds: float) -> Mapping[int, int]:
        def ask(consumer: Consumer) -> Mapping[int, int]:
            places = self._places(consumer, topic)
            for place in places:
                place.offset = int(seconds * 1000)
            found = consumer.offsets_for_times(places, timeout=self._seconds)
            return {place.partition: place.offset for place in found if place.offset >= 0}

        return self._read(ask)

    def records(self, topic: str, spans: Mapping[int, tuple[int, int]]) -> Iterator[list[ConsumerRecord]]:
        with self._consumer(WHOLE) as consumer:
            consumer.assign([TopicPartition(topic, number, first) for number, (first, _) in spans.items()])
            unread = set(spans)
            while unread:
                before = set(unread)
                yield _records(consumer.consume(BATCH, BATCH_SECONDS), spans, unread)
                consumer.pause([TopicPartition(topic, number) for number in before - unread])

    def groups(self, topics: Collection[str]) -> Sequence[ConsumerGroup]:
        def ask(admin: AdminClient) -> Sequence[ConsumerGroup]:
            listed = self._answer(admin.list_consumer_groups(request_timeout=self._seconds)).valid
            names = [each.group_id for each in listed][:GROUPS]
            ours = {name: self._committed(admin, name, topics) for name in names}
            found = {name: offsets for name, offsets in ours.items() if offsets}
            if not found:
                return []
            described = admin.describe_consumer_groups(list(found), request_timeout=self._seconds)
            return [_group(self._answer(answer), found[name]) for name, answer in described.items()]

        return self._asked(ask)

    def _committed(
        self, admin: AdminClient, group: str, topics: Collection[str]
    ) -> Mapping[tuple[str, int], int]:
        asked = [ConsumerGroupTopicPartitions(group)]
        (answer,) = admin.list_consumer_group_offsets(asked, request_timeout=self._seconds).values()
        places = self._answer(answer).topic_partitions
        ours = (place for place in places if place.topic in topics and place.offset >= 0)
        return {(place.topic, place.partition): place.offset for place in ours}

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

    def _places(self, consumer: Consumer, topic: str) -> list[TopicPartition]:
        numbers = consumer.list_topics(topic, timeout=self._seconds).topics[topic].partitions
        return [TopicPartition(topic, number) for number in numbers]

    def _read(self, ask: Callable[[Consumer], T]) -> T:
        with self._consumer() as consumer:
            return ask(consumer)

    @contextmanager
    def _consumer(self, options: Mapping[str, Any] = {}) -> Iterator[Consumer]:
        decided = {
            "group.id": GROUP,
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
            "log_level": ERRORS,
        }
        try:
            consumer = Consumer({**self._options, **decided, **options}, logger=self._reports)
        except CLIENT_ERRORS as error:
            raise KafkaUnreachable(words(error)) from error
        try:
            yield consumer
        except (*CLIENT_ERRORS, KeyError) as error:
            raise KafkaUnreachable(words(error)) from error
        finally:
            with suppress(*CLIENT_ERRORS):
                consumer.close()


def _records(
    messages: Sequence[Any], spans: Mapping[int, tuple[int, int]], unread: set[int]
) -> list[ConsumerRecord]:
    """The records before the end of their spans. Takes what is read to its end from ``unread``."""
    found: list[ConsumerRecord] = []
    for message in messages:
        error, number = message.error(), message.partition()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        if error is None and message.offset() < spans[number][1]:
            found.append(_consumed(message))
        if error is not None or message.offset() >= spans[number][1] - 1:
            unread.discard(number)
    return found


def _group(described: Any, offsets: Mapping[tuple[str, int], int]) -> ConsumerGroup:
    return ConsumerGroup(
        name=described.group_id,
        state=described.state.name.title(),
        members=len(described.members),
        offsets=offsets,
    )


def _consumed(message: Any) -> ConsumerRecord:
    return ConsumerRecord(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        key=message.key(),
        value=message.value(),
        headers=tuple(message.headers() or ()),
        timestamp=message.timestamp()[1],
    )


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
