"""The publisher on confluent-kafka, which is librdkafka: several times as fast as the default one."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from outbox.cloudevents import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Outcome, Trouble, size
from relay.publishers.confluent.delivery import Delivery
from relay.publishers.confluent.options import LOGGER, client_options, compresses, producer_options
from relay.publishers.confluent.topics import TopicDescriber
from relay.publishers.topics import TopicDirectory
from relay.publishers.wave import fit

PREPARE_SECONDS = 2.5
CREATE_SLICE_SECONDS = 0.1

_GIVEN_UP = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)
_TROUBLES = {
    KafkaError.MSG_SIZE_TOO_LARGE: Trouble.RECORD,
    KafkaError.RECORD_LIST_TOO_LARGE: Trouble.RECORD,
    KafkaError.INVALID_RECORD: Trouble.RECORD,
    KafkaError.POLICY_VIOLATION: Trouble.RECORD,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Trouble.TOPIC_FORBIDDEN,
    KafkaError.UNKNOWN_TOPIC_OR_PART: Trouble.TOPIC_MISSING,
    KafkaError._UNKNOWN_TOPIC: Trouble.TOPIC_MISSING,
}


class ConfluentPublisher:
    """Publishes through ``confluent_kafka.Producer``, with acks=all and idempotence (KIP-679).

    ``options`` go to the client as they are, under librdkafka's own names: ``bootstrap.servers``,
    ``security.protocol``, ``sasl.…``, ``ssl.…``, ``compression.type`` and so on. ``batch_bytes`` bounds what
    a wave has for one topic, and ``delivery_seconds`` is how long a wave is tried before it is reported as
    failed for now.

    Raises ImproperlyConfigured for an option that is unknown, or the publisher's to decide.
    """

    def __init__(
        self, options: Mapping[str, Any], *, batch_bytes: int = 1_000_000, delivery_seconds: float = 20.0
    ) -> None:
        self._options = client_options(options)
        self._batch_bytes = batch_bytes
        self._delivery_seconds = delivery_seconds
        self._judge = not compresses(options)
        self._creates = str(options.get("allow.auto.create.topics", True)).lower() == "true"
        self._describe = TopicDescriber(self._options)
        self._topics = TopicDirectory(self._describe)
        self._producer: Producer | None = None
        self._heard = ""

    def prepare(self, topics: Collection[str]) -> None:
        deadline = time.monotonic() + PREPARE_SECONDS
        producer = self._producer = self._producer or self._connect()
        try:
            self._topics.learn(topics, PREPARE_SECONDS)
            if self._creates:
                self._create(producer, self._topics.to_ask_for(topics), deadline)
        except KafkaException as error:
            producer.poll(0)
            raise PublisherUnavailable(f"Kafka does not answer: {self._heard or _words(error)}") from error
        producer.poll(0)
        self._heard = ""

    def _connect(self) -> Producer:
        return Producer(producer_options(self._options, self._hear), logger=LOGGER)

    def _hear(self, error: KafkaError) -> None:
        """The client tells why it cannot connect; afterwards it knows only that it is not connected."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._heard = error.str()

    def _create(self, producer: Producer, missing: Collection[str], deadline: float) -> None:
        """Ask for topics that do not exist: a broker that creates topics does so now."""
        while missing and (left := deadline - time.monotonic()) > 0:
            for topic in missing:
                producer.list_topics(topic, timeout=max(left, CREATE_SLICE_SECONDS))
                self._topics.asked_for(topic)
            time.sleep(CREATE_SLICE_SECONDS)
            self._topics.forget(missing)
            self._topics.learn(missing, max(left, CREATE_SLICE_SECONDS))
            missing = self._topics.missing(missing)

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        assert self._producer is not None, "prepare() comes first"
        places = fit(
            records, self._topics, _one_place,
            batch_bytes=self._batch_bytes, judge=self._judge, ask_anew=self._ask_anew,
        )  # fmt: skip
        if isinstance(places, Failure):
            return [places]
        delivery = Delivery(self._producer, records[: len(places)])
        if not delivery.wait(self._delivery_seconds):
            self._discard()
        if not delivery.reports and delivery.refused is not None:
            return [_failure(delivery.refused.args[0])]
        outcomes = [self._outcome(report) for report in delivery.reports]
        if any(outcomes):
            self._narrow(records, delivery.reports)
            self._topics.forget({r.topic for r, failed in zip(records, outcomes, strict=False) if failed})
        return outcomes

    def _ask_anew(self, topic: str) -> None:
        self._topics.forget([topic])
        self.prepare([topic])

    def _outcome(self, report: Any) -> Outcome:
        if report is None:
            return None
        if report is True or report.code() in _GIVEN_UP:
            return Failure(
                Trouble.TRANSIENT, f"No acknowledgement from Kafka within {self._delivery_seconds:g} s."
            )
        return _failure(report)

    def _narrow(self, records: Sequence[Record], reports: Sequence[Any]) -> None:
        """Send less to a topic that has refused a batch of several records for its size."""
        refused = defaultdict(list)
        for record, report in zip(records, reports, strict=False):
            if isinstance(report, KafkaError) and report.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                refused[record.topic].append(size(record))
        for topic, sizes in refused.items():
            if len(sizes) > 1:
                self._topics.narrow(topic, sum(sizes) // 2)

    def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.close()

    def close(self, timeout: float) -> None:
        self._describe.close()
        self._discard()


def _one_place(_: Record) -> int:
    """librdkafka chooses the partition; a wave has one batch a topic, whatever it chooses."""
    return 0


def _failure(error: Any) -> Failure:
    if isinstance(error, KafkaError):
        return Failure(_TROUBLES.get(error.code(), Trouble.TRANSIENT), error.str())
    return Failure(Trouble.TRANSIENT, str(error))


def _words(error: KafkaException) -> str:
    return str(error.args[0].str())
