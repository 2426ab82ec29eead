"""Publishing through kafka-python."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2

from outbox_core.kafka_options import KAFKA_PYTHON
from outbox_core.kafka_python import words
from outbox_core.kafka_reasons import explained
from outbox_core.wire.encode import Record
from relay.errors import PublisherUnavailable
from relay.pace import Pace
from relay.publishers.base import PREPARE_SECONDS, Failure, Outcome, Trouble, unanswered
from relay.publishers.creation import create
from relay.publishers.directory import TopicDirectory
from relay.publishers.kafka_python.delivery import Delivery
from relay.publishers.kafka_python.errors import is_of_client
from relay.publishers.kafka_python.network import Network
from relay.publishers.kafka_python.options import made, patient, producer_options
from relay.publishers.kafka_python.producer import Producer
from relay.publishers.kafka_python.topics import TopicDescriber
from relay.publishers.question import Question
from relay.publishers.quota import wait_for_quota
from relay.publishers.wave import Wave, fit

if TYPE_CHECKING:
    from relay.publishers.kafka_python.inspector import Inspector

ABANDON_SECONDS = 2.0

_partition_hash = lru_cache(maxsize=65_536)(murmur2)


class KafkaPythonPublisher:
    """Publishes through ``kafka.KafkaProducer``, with acks=all and idempotence (KIP-679).

    ``options`` go to the client as they are: ``bootstrap_servers``, ``security_protocol``, ``sasl_…``,
    ``ssl_…``, ``compression_type`` and so on. ``batch_bytes`` bounds the batch of a partition, and
    ``delivery_seconds`` is how long a wave is tried before it counts as failed for now. The next wave is then
    smaller.

    While a wave is tried, the client retries under the same producer id. When a wave fails, the producer is
    replaced: a fatal error ended it, or it cannot know whether the broker has a batch.

    Raises ImproperlyConfigured for an option that is unknown or that the publisher decides.
    """

    client = KAFKA_PYTHON

    def __init__(
        self, options: Mapping[str, Any], *, batch_bytes: int = 900_000, delivery_seconds: float = 20.0
    ) -> None:
        self._options = producer_options(options, batch_bytes, delivery_seconds)
        self._batch_bytes = batch_bytes
        self._delivery_seconds = delivery_seconds
        self._compressed = self._options.get("compression_type") is not None
        self._creates = self._options.get("allow_auto_create_topics", True)
        self._describe = TopicDescriber(self._options)
        self._topics = TopicDirectory(self._describe, give_up=self._describe.close, patience=delivery_seconds)
        self._pace = Pace(delivery_seconds)
        self._partitions: dict[str, int] = {}
        self._producer: Producer | None = None
        self._is_patient = False
        self._connecting: Question[Producer] | None = None
        self._network: Network | None = None

    def prepare(self, topics: Collection[str]) -> None:
        deadline = time.monotonic() + PREPARE_SECONDS
        try:
            if self._producer is not None:
                wait_for_quota(self._producer.throttled_seconds, PREPARE_SECONDS)
            self._topics.learn(topics, deadline - time.monotonic())
            producer = self._connected(deadline)
            if self._creates:
                create(self._topics, topics, self._describe.create, deadline)
            self._learn_partitions(producer, topics)
        except Exception as error:
            if not is_of_client(error):
                raise
            self._end_if_fatal(error)
            raise PublisherUnavailable(self.trouble or unanswered(words(error))) from error
        if self._network is not None:
            self._network.answered()

    @property
    def trouble(self) -> str:
        """Why it cannot connect, since the last question that was answered. Safe in any thread."""
        network = self._network
        reason = self._describe.trouble or (network.trouble if network is not None else "")
        return unanswered(reason) if reason else ""

    def _end_if_fatal(self, error: Exception) -> None:
        if not isinstance(error, (kafka_errors.KafkaTimeoutError, TimeoutError)):
            self._discard(ABANDON_SECONDS)

    def _connected(self, deadline: float) -> Producer:
        """The producer, made for the pace of the link. Nothing is in flight when it is replaced."""
        if self._producer is not None and self._is_patient == self._pace.is_slow:
            return self._producer
        if self._producer is not None:
            self._discard(ABANDON_SECONDS)
        if self._connecting is None:
            self._is_patient = self._pace.is_slow
            options = patient(self._options, self._delivery_seconds) if self._is_patient else self._options
            self._connecting = Question(partial(made, Producer, connecting=self._connects, **options))
        connecting = self._connecting
        if not connecting.is_answered(deadline - time.monotonic()):
            raise TimeoutError(f"no connection within {connecting.age:.1f} s")
        self._connecting = None
        self._producer = connecting.answer()
        return self._producer

    def _connects(self, network: Network) -> None:
        self._network = network

    def _learn_partitions(self, producer: Producer, topics: Collection[str]) -> None:
        """Make the producer load existing topics, so that send() need not wait, and count their partitions as
        it does.
        """
        writable = [topic for topic in topics if self._topics[topic].trouble is None]
        producer.learn(writable)
        for topic in writable:
            try:
                self._partitions[topic] = len(producer.partitions_for(topic))
            except kafka_errors.TopicAuthorizationFailedError:
                self._topics.refused(topic, Trouble.TOPIC_FORBIDDEN)
            except kafka_errors.KafkaTimeoutError:
                self._topics.forget([topic])  # it may have been deleted a moment ago
                raise

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        assert self._producer is not None, "prepare() comes first"
        wave = fit(
            records, self._topics, self._place, batch_bytes=self._batch_bytes,
            wave_bytes=self._pace.bytes, judge=not self._compressed, ask_again=self._ask_again,
        )  # fmt: skip
        if not wave.records:
            return wave.outcomes([])
        outcomes = self._deliver(self._producer, wave)
        if any(outcomes):
            self._topics.forget(wave.failed_topics(outcomes))
            self._discard(ABANDON_SECONDS)
        return wave.outcomes(outcomes)

    def _ask_again(self, topic: str) -> None:
        self._topics.forget([topic])
        self.prepare([topic])

    def _place(self, record: Record) -> int:
        digest: int = _partition_hash(record.key)
        return (digest & 0x7FFFFFFF) % self._partitions[record.topic]

    def _deliver(self, producer: Producer, wave: Wave) -> list[Outcome]:
        since = time.monotonic()
        try:
            delivery = Delivery(producer, wave.sent)
            in_time = delivery.wait(self._delivery_seconds, ABANDON_SECONDS, self._topics.refusals)
            outcomes = delivery.outcomes(self.trouble)
        except Exception as error:
            if not is_of_client(error):
                self._discard(ABANDON_SECONDS)
                raise
            return [Failure(Trouble.RETRIABLE, explained(words(error)))] * len(wave.records)
        except BaseException:
            self._discard(ABANDON_SECONDS)
            raise
        if delivery.gone:
            return outcomes
        if not in_time:
            self._pace.late(wave.size)
        elif not any(outcomes) and len(outcomes) == len(wave.records):
            self._pace.arrived(wave.size, time.monotonic() - since + producer.throttled_seconds)
        return outcomes

    def _discard(self, seconds: float) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.abandon(seconds)
        if self._connecting is not None and self._network is not None:
            self._network.abandon(seconds)
        self._connecting = None

    def inspector(self, seconds: float) -> Inspector:
        """Asks about the cluster with the same options, for outbox_doctor."""
        from relay.publishers.kafka_python.inspector import Inspector  # a relay does without a doctor

        return Inspector(self._options, seconds)

    def close(self, timeout: float) -> None:
        self._topics.close()
        self._discard(timeout)
