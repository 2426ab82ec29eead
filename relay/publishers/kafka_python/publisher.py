"""The default publisher, on kafka-python."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2

from outbox.cloudevents import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Outcome, Trouble
from relay.publishers.kafka_python.options import made, producer_options
from relay.publishers.kafka_python.producer import Producer
from relay.publishers.kafka_python.topics import TopicDescriber
from relay.publishers.topics import TopicDirectory
from relay.publishers.wave import fit, judged_by_partition

PREPARE_SECONDS = 2.5
ABANDON_SECONDS = 2.0
FLUSH_SLICE_SECONDS = 1.0
SASL_HINT = " (the client does not tell wrong credentials from this: check them, too)"

_RECORD_ERRORS = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    kafka_errors.PolicyViolationError,
)
_partition_hash = lru_cache(maxsize=65_536)(murmur2)

Wave = Sequence[tuple[Record, int]]


class KafkaPythonPublisher:
    """Publishes through ``kafka.KafkaProducer``, with acks=all and idempotence (KIP-679).

    ``options`` go to the client as they are: ``bootstrap_servers``, ``security_protocol``, ``sasl_…``,
    ``ssl_…``, ``compression_type`` and so on. ``batch_bytes`` bounds the batch of a partition, and
    ``delivery_seconds`` is how long a wave is tried before it is reported as failed for now.

    Whatever fails, the producer is built anew: a fatal error has ended it, and of a batch that was given up
    it does not know whether the broker has it.

    Raises ImproperlyConfigured for an option that is unknown, or the publisher's to decide.
    """

    def __init__(
        self, options: Mapping[str, Any], *, batch_bytes: int = 900_000, delivery_seconds: float = 20.0
    ) -> None:
        self._options = producer_options(options, batch_bytes)
        self._batch_bytes = batch_bytes
        self._delivery_seconds = delivery_seconds
        self._compressed = self._options.get("compression_type") is not None
        self._hint = SASL_HINT if self._options.get("sasl_mechanism") else ""
        self._describe = TopicDescriber(self._options)
        self._topics = TopicDirectory(self._describe)
        self._partitions: dict[str, int] = {}
        self._producer: Producer | None = None

    def prepare(self, topics: Collection[str]) -> None:
        deadline = time.monotonic() + PREPARE_SECONDS
        try:
            self._topics.learn(topics, PREPARE_SECONDS)
            producer = self._producer = self._producer or made(Producer, **self._options)
            self._learn_partitions(producer, topics)
            if self._options.get("allow_auto_create_topics", True):
                self._create(producer, self._topics.to_ask_for(topics), deadline)
        except (kafka_errors.KafkaError, OSError) as error:
            raise PublisherUnavailable(f"Kafka does not answer: {_words(error)}{self._hint}") from error

    def _learn_partitions(self, producer: Producer, topics: Collection[str]) -> None:
        """Have the producer know topics that there are, so that send() need not wait; count partitions as it
        does.
        """
        for topic in topics:
            if self._topics[topic].trouble is not None:
                continue
            try:
                self._partitions[topic] = len(producer.partitions_for(topic))
            except kafka_errors.AuthorizationError:
                self._topics.refused(topic, Trouble.TOPIC_FORBIDDEN)

    def _create(self, producer: Producer, missing: Collection[str], deadline: float) -> None:
        """Ask for topics that do not exist: a broker that creates topics does so now."""
        created = self._asked_for(missing, deadline) if missing else []
        self._topics.forget(created)
        self._topics.learn(created, PREPARE_SECONDS)
        self._learn_partitions(producer, created)

    def _asked_for(self, missing: Collection[str], deadline: float) -> list[str]:
        """Those that are there now. Asked for with a producer of their own: it would go on to ask ten times
        a second.
        """
        asking, created = made(Producer, **self._options), []
        try:
            for topic in missing:
                if time.monotonic() >= deadline:
                    break
                self._topics.asked_for(topic)
                with suppress(kafka_errors.KafkaTimeoutError, kafka_errors.BrokerResponseError, ValueError):
                    asking.partitions_for(topic)
                    created.append(topic)
        finally:
            asking.abandon(ABANDON_SECONDS)
        return created

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        producer = self._producer
        assert producer is not None, "prepare() comes first"
        places = fit(
            records, self._topics, self._place,
            batch_bytes=self._batch_bytes, judge=not self._compressed, ask_anew=self._ask_anew,
        )  # fmt: skip
        if isinstance(places, Failure):
            return [places]
        wave = list(zip(records, places, strict=False))
        try:
            outcomes = self._deliver(producer, wave)
        except BaseException:
            self._discard(ABANDON_SECONDS)
            raise
        if any(outcomes):
            self._topics.forget({r.topic for r, failed in zip(records, outcomes, strict=False) if failed})
            self._discard(ABANDON_SECONDS)
        return outcomes

    def _ask_anew(self, topic: str) -> None:
        self._topics.forget([topic])
        self.prepare([topic])

    def _place(self, record: Record) -> int:
        digest: int = _partition_hash(record.key)
        return (digest & 0x7FFFFFFF) % self._partitions[record.topic]

    def _deliver(self, producer: Producer, wave: Wave) -> list[Outcome]:
        futures, refused = self._send(producer, wave)
        if refused is not None and not futures:
            return [_failure(wave[0][0].topic, refused)]
        self._await(producer, futures)
        outcomes = [
            None if future.succeeded() else self._fate(record, future)
            for (record, _), future in zip(wave, futures, strict=False)
        ]
        return judged_by_partition(wave, outcomes) if any(outcomes) else outcomes

    @staticmethod
    def _send(producer: Producer, wave: Wave) -> tuple[list[Any], Exception | None]:
        """The futures of the records that the producer has taken, and why it did not take the next one."""
        futures: list[Any] = []
        send = producer.send
        try:
            for record, partition in wave:
                future = send(record.topic, record.value, record.key, record.headers, partition)
                futures.append(future)
                if future.is_done:
                    break
        except (kafka_errors.KafkaError, ValueError) as error:
            return futures, error
        return futures, None

    def _await(self, producer: Producer, futures: Sequence[Any]) -> None:
        """Until each is decided: flush() also returns when the client has split a batch, to send it again."""
        deadline = time.monotonic() + self._delivery_seconds
        while not all(future.is_done for future in futures):
            left = deadline - time.monotonic()
            if left <= 0:
                producer.abandon(ABANDON_SECONDS)
                return
            producer.flush(min(left, FLUSH_SLICE_SECONDS))

    def _fate(self, record: Record, future: Any) -> Failure:
        if not future.is_done or isinstance(future.exception, kafka_errors.IllegalStateError):
            return Failure(
                Trouble.TRANSIENT, f"No acknowledgement from Kafka within {self._delivery_seconds:g} s."
            )
        return _failure(record.topic, future.exception)

    def _discard(self, seconds: float) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.abandon(seconds)

    def close(self, timeout: float) -> None:
        self._describe.close()
        self._discard(timeout)


def _failure(topic: str, error: BaseException) -> Failure:
    """An error that has ended the producer is told for all that was under way, whatever the topic."""
    trouble = Trouble.TRANSIENT
    if isinstance(error, _RECORD_ERRORS):
        trouble = Trouble.RECORD
    elif isinstance(error, kafka_errors.TopicAuthorizationFailedError) and topic in error.args:
        trouble = Trouble.TOPIC_FORBIDDEN
    return Failure(trouble, _words(error))


def _words(error: BaseException) -> str:
    text = str(error)
    return text if type(error).__name__ in text else f"{type(error).__name__}: {text}"
