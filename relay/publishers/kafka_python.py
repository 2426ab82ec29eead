"""The default publisher, on kafka-python."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2

from outbox.cloudevents import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Outcome, Trouble, size
from relay.publishers.topics import Topic, TopicDirectory

LINGER_MS = 10_000
"""A batch leaves with flush(), never earlier: a wave is one batch a partition."""
BATCH_HEADER = 61

_RECORD_ERRORS = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.PolicyViolationError,
    kafka_errors.UnsupportedForMessageFormatError,
)
_partition_hash = lru_cache(maxsize=65_536)(murmur2)


class KafkaPythonPublisher:
    """Publishes through ``kafka.KafkaProducer``, with acks=all and idempotence (KIP-679), which no option can
    switch off.

    ``options`` go to the client as they are: ``bootstrap_servers``, ``security_protocol``, ``sasl_…``,
    ``ssl_…``, ``compression_type`` and so on. ``batch_bytes`` bounds the batch of a partition, and
    ``delivery_seconds`` is how long the client itself retries a wave before it reports it as failed for now.

    Whatever fails, the producer is built anew: a fatal error has ended it, and of a batch that timed out it
    has forgotten the sequence numbers.
    """

    def __init__(
        self, options: Mapping[str, Any], *, batch_bytes: int = 900_000, delivery_seconds: float = 30.0
    ) -> None:
        self._batch_bytes = batch_bytes
        self._options = {
            "reconnect_backoff_max_ms": 1_000,
            "request_timeout_ms": 10_000,
            "max_block_ms": 2_000,
            "bootstrap_timeout_ms": 2_000,
            **options,
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": LINGER_MS,
            "batch_size": batch_bytes,
            "max_request_size": 90_000_000,
            "delivery_timeout_ms": LINGER_MS + max(10_000, int(delivery_seconds * 1000)),
        }
        self._topics = TopicDirectory(self._options)
        self._producer: KafkaProducer | None = None

    def prepare(self, topics: Collection[str]) -> None:
        try:
            if self._producer is None:
                self._producer = KafkaProducer(**self._options)
            self._topics.learn(topics)
            for topic in topics:
                if self._topics[topic].trouble is None or self._topics.creates:
                    self._await_metadata(topic)
        except (kafka_errors.KafkaError, OSError) as error:
            self._topics.close()
            raise PublisherUnavailable(f"Kafka does not answer: {_words(error)}") from error

    def _await_metadata(self, topic: str) -> None:
        """Have the producer itself know the topic, so that send() does not block; where the broker creates
        topics, it does so now.
        """
        assert self._producer is not None
        try:
            self._topics.known(topic, len(self._producer.partitions_for(topic)))
        except kafka_errors.AuthorizationError:
            self._topics.refused(topic, Trouble.TOPIC_FORBIDDEN)
        except kafka_errors.KafkaTimeoutError:
            if self._topics[topic].trouble is None:
                raise

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        assert self._producer is not None, "prepare() comes first"
        wave = self._fitting(records)
        if isinstance(wave, Failure):
            return [wave]
        send = self._producer.send
        try:
            sent = [send(r.topic, r.value, r.key, r.headers, partition) for r, partition in wave]
            self._producer.flush()
        except (kafka_errors.KafkaError, OSError) as error:
            self._discard()
            return [Failure(Trouble.TRANSIENT, _words(error))] * len(wave)
        outcomes = [None if future.succeeded() else self._failure(future.exception) for future in sent]
        if any(outcomes):
            self._topics.forget(
                {record.topic for (record, _), failed in zip(wave, outcomes, strict=True) if failed}
            )
            self._discard()
        return outcomes

    def _fitting(self, records: Sequence[Record]) -> list[tuple[Record, int]] | Failure:
        wave: list[tuple[Record, int]] = []
        room: dict[tuple[str, int], int] = {}
        for record in records:
            topic = self._topics[record.topic]
            bytes_ = size(record)
            refusal = _refusal(topic, record, bytes_)
            if refusal:
                return wave or refusal
            place = record.topic, (_partition_hash(record.key) & 0x7FFFFFFF) % topic.partitions
            left = room.get(place, min(self._batch_bytes, topic.max_bytes) - BATCH_HEADER) - bytes_
            if left < 0 and place in room:
                break
            room[place] = left
            wave.append((record, place[1]))
        return wave

    @staticmethod
    def _failure(error: BaseException | None) -> Failure:
        trouble = Trouble.TRANSIENT
        if isinstance(error, _RECORD_ERRORS):
            trouble = Trouble.RECORD
        elif isinstance(error, kafka_errors.TopicAuthorizationFailedError):
            trouble = Trouble.TOPIC_FORBIDDEN
        return Failure(trouble, _words(error))

    def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(kafka_errors.KafkaError, RuntimeError):
                producer.close(timeout=1)

    def close(self, timeout: float) -> None:
        self._topics.close()
        self._discard()


def _refusal(topic: Topic, record: Record, bytes_: int) -> Failure | None:
    if topic.trouble is not None:
        return Failure(topic.trouble, topic.detail)
    if bytes_ + BATCH_HEADER > topic.max_bytes:
        return Failure(
            Trouble.RECORD,
            f"The record has {bytes_ + BATCH_HEADER:,} bytes; topic {record.topic!r} takes {topic.max_bytes:,} (max.message.bytes).",
        )
    return None


def _words(error: BaseException | None) -> str:
    text = str(error) if error is not None else "unknown"
    return text if type(error).__name__ in text else f"{type(error).__name__}: {text}"
