"""Asks a cluster with the options of the publisher, for outbox_doctor and outbox_audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import confluent_kafka
import confluent_kafka.admin
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from outbox_core.operations.doctor.confluent import ConfluentInspector
from outbox_core.wire.consumed import ConsumerRecord

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
