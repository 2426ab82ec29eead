"""Publishing through librdkafka."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, Producer

from outbox_core.kafka_options import CONFLUENT
from outbox_core.librdkafka import ClientReports, words
from outbox_core.wire.encode import Record
from relay.errors import PublisherUnavailable
from relay.pace import Pace
from relay.publishers.base import PREPARE_SECONDS, Outcome, size, unanswered
from relay.publishers.confluent.delivery import Delivery
from relay.publishers.confluent.errors import CLIENT_ERRORS, is_fatal, raised
from relay.publishers.confluent.options import (
    client_options,
    compresses,
    patient,
    producer_options,
)
from relay.publishers.confluent.throttle import Throttle
from relay.publishers.confluent.topics import TopicDescriber
from relay.publishers.creation import create
from relay.publishers.directory import TopicDirectory
from relay.publishers.quota import wait_for_quota
from relay.publishers.wave import Wave, fit

if TYPE_CHECKING:
    from relay.publishers.confluent.inspector import Inspector

ASK_SECONDS = 0.005


class ConfluentPublisher:
    """Publishes through ``confluent_kafka.Producer``, with acks=all and idempotence (KIP-679).

    ``options`` go to the client as they are, under librdkafka's own names: ``bootstrap.servers``,
    ``security.protocol``, ``sasl.…``, ``ssl.…``, ``compression.type`` and so on. ``batch_bytes`` bounds what
    a wave has for one topic, and ``delivery_seconds`` is how long a wave is tried before it counts as failed
    for now. The next wave is then smaller.

    Raises ImproperlyConfigured for an option that is unknown or that the publisher decides.
    """

    client = CONFLUENT

    def __init__(
        self, options: Mapping[str, Any], *, batch_bytes: int = 1_000_000, delivery_seconds: float = 20.0
    ) -> None:
        self._options = client_options(options, delivery_seconds)
        self._batch_bytes = batch_bytes
        self._delivery_seconds = delivery_seconds
        self._judge = not compresses(options)
        self._creates = str(options.get("allow.auto.create.topics", True)).lower() == "true"
        self._reports = ClientReports()
        self._describe = TopicDescriber(self._options, self._reports)
        self._topics = TopicDirectory(self._describe, give_up=self._describe.close, patience=delivery_seconds)
        self._pace = Pace(delivery_seconds)
        self._throttle = Throttle(self._options.get("throttle_cb"))
        self.handed_over: Callable[[], object] = lambda: None
        self._producer: Producer | None = None
        self._is_patient = False
        self._is_new = True

    def prepare(self, topics: Collection[str]) -> None:
        deadline = time.monotonic() + PREPARE_SECONDS
        try:
            producer = self._connected()
            producer.poll(0)
            wait_for_quota(self._throttle.seconds, PREPARE_SECONDS)
            if not topics:
                producer.list_topics(timeout=max(0.0, deadline - time.monotonic()))
            self._topics.learn(topics, deadline - time.monotonic())
            if self._creates:
                create(self._topics, topics, self._ask_for, deadline)
            producer.poll(0)
        except CLIENT_ERRORS as error:
            raise PublisherUnavailable(unanswered(self._why(error))) from error
        self._reports.trouble = ""

    @property
    def trouble(self) -> str:
        """Why it cannot connect, since the last question that was answered. Safe in any thread."""
        reason = self._reports.trouble
        return unanswered(reason) if reason else ""

    def _connected(self) -> Producer:
        """The producer, made for the pace of the link. Nothing is in flight when it is replaced."""
        if self._producer is not None and self._is_patient != self._pace.is_slow:
            self._discard()
        if self._producer is None:
            self._is_patient = self._pace.is_slow
            options = patient(self._options, self._delivery_seconds) if self._is_patient else self._options
            callbacks: dict[str, Any] = {"error_cb": self._reports.error, "throttle_cb": self._throttle}
            self._producer = Producer(producer_options(options, callbacks), logger=self._reports)
            self._is_new = True
        return self._producer

    def _why(self, error: Exception) -> str:
        """The reason. A fatal error has ended the producer."""
        meant = raised(error)
        if is_fatal(meant):
            self._discard()
            return words(meant)
        with contextlib.suppress(*CLIENT_ERRORS):
            if self._producer is not None:
                self._producer.poll(0)
        return self._reports.trouble or words(error)

    def _ask_for(self, missing: Collection[str]) -> None:
        """The client asks for one topic at a time: send the questions, and do not wait for the answers."""
        for topic in missing:
            with contextlib.suppress(*CLIENT_ERRORS):
                self._asking().list_topics(topic, timeout=ASK_SECONDS)

    def _asking(self) -> Producer:
        assert self._producer is not None
        return self._producer

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        assert self._producer is not None, "prepare() comes first"
        wave = fit(
            records, self._topics, None, batch_bytes=self._batch_bytes,
            wave_bytes=self._pace.bytes, judge=self._judge, ask_again=self._ask_again,
        )  # fmt: skip
        if not wave.records:
            return wave.outcomes([])
        delivery = self._deliver(self._producer, wave)
        outcomes = delivery.outcomes(self.trouble)
        if any(outcomes):
            self._narrow(wave.records, delivery.reports)
            self._topics.forget(wave.failed_topics(outcomes))
        return wave.outcomes(outcomes)

    def _ask_again(self, topic: str) -> None:
        self._topics.forget([topic])
        self.prepare([topic])

    def _deliver(self, producer: Producer, wave: Wave) -> Delivery:
        since = time.monotonic()
        try:
            delivery = Delivery(producer, wave.records)
            self.handed_over()
            in_time = delivery.wait(self._delivery_seconds, self._topics.refusals, is_new=self._is_new)
        except BaseException:
            self._discard()
            raise
        if not in_time:
            self._was_late(delivery, wave)
        elif is_fatal(delivery.refused):
            self._discard()
        elif not any(delivery.reports) and delivery.refused is None:
            self._is_new = False
            self._pace.arrived(wave.size, time.monotonic() - since + self._throttle.seconds)
        return delivery

    def _was_late(self, delivery: Delivery, wave: Wave) -> None:
        """Nothing was sent if the producer was still connecting: that says nothing about the link."""
        if delivery.is_uncertain or delivery.gone:  # the purge may still reach what it is given next
            self._discard()
        if delivery.fatal is None and not delivery.gone and (delivery.is_uncertain or not self._is_new):
            self._pace.late(wave.size)
        has_published = any(report is None for report in delivery.reports)
        self._is_new = self._is_new and not has_published

    def _narrow(self, records: Sequence[Record], reports: Sequence[Any]) -> None:
        """Send less to a topic that refused a batch of several records because of its size."""
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
            with contextlib.suppress(*CLIENT_ERRORS):
                producer.purge()  # close() would wait without end for what is buffered
                producer.close()

    def inspector(self, seconds: float) -> Inspector:
        """Asks about the cluster with the same options, for outbox_doctor."""
        from relay.publishers.confluent.inspector import Inspector  # a relay does without a doctor

        return Inspector(self._options, seconds)

    def close(self, timeout: float) -> None:
        self._topics.close()
        self._discard()
