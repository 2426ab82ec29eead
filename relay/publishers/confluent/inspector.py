"""Asks a cluster with the options of the publisher, for outbox_doctor and outbox_audit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import confluent_kafka
import confluent_kafka.admin
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from outbox_core.operations.doctor.confluent import ConfluentInspector
from outbox_core.wire.consumed import ConsumerRecord
from relay.consumer_groups.lags import ConsumerGroup

GROUPS = 500
"""The most consumer groups that are looked at."""
BATCH = 1_000
BATCH_SECONDS = 0.5
WHOLE: Mapping[str, Any] = {
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "queued.max.messages.kbytes": 16_384,
}
"""Options of a consumer that reads partitions to their end, and not too far ahead."""


class Inspector(ConfluentInspector):
    """It also reads whole partitions, for the audit."""

    def __init__(self, options: Mapping[str, Any], seconds: float) -> None:
        super().__init__(confluent_kafka, options, seconds)

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
