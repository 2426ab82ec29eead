"""Requests to Kafka from outside the group, through confluent-kafka's admin client."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any
from uuid import UUID

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient, OffsetSpec
from kafka import OffsetAndMetadata, TopicPartition

from inbox.errors import NoAnswer
from inbox.kafka.confluent.errors import TOPIC_UNREADABLE, code, translated
from inbox.kafka.confluent.options import client, without_consumer
from inbox.kafka.connections import ANSWER_MS, Bounds, Committed, TopicIds
from outbox_core.librdkafka import ClientReports, topic_id

SECONDS = ANSWER_MS / 1000
FIRST_SECONDS = 1.0
"""The timeout of the first of two attempts, which may get no answer."""


class Questions:
    """Asks, and waits for the answer. Every method raises NoAnswer."""

    def __init__(self, options: Mapping[str, Any], reports: ClientReports, *, committed: bool = True) -> None:
        self._reports = reports
        self._options = {**without_consumer(options), "error_cb": reports.error}
        self._as_consumer = {**options, "error_cb": reports.error}
        self._asking: Any = None
        self._isolation = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        self._admin: AdminClient | None = None

    @property
    def admin(self) -> AdminClient:
        """The client, made if there is none."""
        if self._admin is None:
            self._admin = client(AdminClient, self._options, self._reports)
        return self._admin

    def cluster_id(self) -> str:
        return self.answer(self.admin.describe_cluster(request_timeout=SECONDS)).cluster_id or ""

    def topic_ids(self, names: Collection[str]) -> TopicIds:
        """The ids of those of these topics that exist and may be described."""
        return self.existing(self.describe(names))

    def describe(self, names: Collection[str]) -> Mapping[str, Future[Any]]:
        """Ask for these topics, without waiting."""
        found: Mapping[str, Future[Any]] = self.admin.describe_topics(
            TopicCollection(sorted(names)), request_timeout=SECONDS
        )
        return found

    def existing(self, described: Mapping[str, Future[Any]]) -> TopicIds:
        """The ids of the topics that exist."""
        found: dict[str, UUID | None] = {}
        for name, answer in described.items():
            try:
                found[name] = topic_id(str(self.answer(answer).topic_id))
            except KafkaException as error:
                if code(error) not in TOPIC_UNREADABLE:
                    raise
        return found

    def committed(self, partitions: Collection[TopicPartition]) -> Committed:
        """The offsets that the group has committed. A consumer asks for them, which never joins: librdkafka
        ends the process if its admin client loses the connection while it asks the group's coordinator.
        """
        asking = self._asking = self._asking or client(Consumer, self._as_consumer, self._reports)
        asking.poll(0)  # its log
        try:
            answer = asking.committed([Place(*each) for each in sorted(partitions)], timeout=SECONDS)
        except KafkaException as error:
            raise translated(error) from error
        self._reports.trouble = ""
        return {TopicPartition(each.topic, each.partition): _committed(each) for each in answer}

    def beginnings(self, partitions: Collection[TopicPartition]) -> Bounds:
        return self.offsets(partitions, OffsetSpec.earliest())

    def ends(self, partitions: Collection[TopicPartition]) -> Bounds:
        return self.offsets(partitions, OffsetSpec.latest())

    def offsets(self, partitions: Collection[TopicPartition], spec: OffsetSpec) -> Bounds:
        """The offsets that ``spec`` names, without partitions whose topic was deleted meanwhile."""
        if not partitions:
            return {}
        try:
            return self._offsets(partitions, spec, FIRST_SECONDS)
        except NoAnswer:  # librdkafka asks for the leaders first, and sometimes waits for them without end
            return self._offsets(partitions, spec, SECONDS)

    def _offsets(self, partitions: Collection[TopicPartition], spec: OffsetSpec, seconds: float) -> Bounds:
        asked = self.admin.list_offsets(
            {Place(*each): spec for each in sorted(partitions)},
            isolation_level=self._isolation,
            request_timeout=seconds,
        )
        found: dict[TopicPartition, int] = {}
        for place, answer in asked.items():
            try:
                found[TopicPartition(place.topic, place.partition)] = self.answer(answer).offset
            except KafkaException as error:
                if code(error) not in TOPIC_UNREADABLE and self.topic_ids([place.topic]):
                    raise
        return found

    def answer(self, asked: Future[Any]) -> Any:
        """The answer to one question."""
        try:
            found = asked.result(SECONDS + 1)
        except (KafkaException, TimeoutError) as error:
            self.admin.poll(0)  # its log, which says why
            if isinstance(error, KafkaException):
                raise translated(error) from error
            raise NoAnswer("no answer") from error
        self._reports.trouble = ""
        return found


def _committed(place: Place) -> OffsetAndMetadata | None:
    if place.error is not None:
        raise translated(KafkaException(place.error))
    return OffsetAndMetadata(place.offset, metadata(place), -1) if place.offset >= 0 else None


def metadata(place: Any) -> str:
    """What was committed with an offset, and what lies behind it in memory: the client takes that for a part
    of it, whatever bytes these are.
    """
    try:
        return str(place.metadata or "")
    except UnicodeDecodeError as error:
        return error.object[: error.start].decode()


class KnownTopics:
    """The topics of a consumer and their ids. It asks again in the background, so that reading
    does not wait.
    """

    def __init__(self, questions: Questions, names: Collection[str], seconds: float) -> None:
        self._questions = questions
        self._names = names
        self._seconds = seconds
        self._asked: Mapping[str, Future[Any]] | None = None
        self._ids = questions.topic_ids(names)
        self._at = time.monotonic()

    def ids(self) -> TopicIds:
        """The ids of the last answer, without waiting for another one."""
        if self._asked is not None and all(answer.done() for answer in self._asked.values()):
            asked, self._asked = self._asked, None
            with suppress(KafkaException, NoAnswer):  # a caller that waits for an answer notices an outage
                self._ids = self._questions.existing(asked)
        elif self._asked is None and time.monotonic() >= self._at + self._seconds:
            self._at = time.monotonic()
            self._asked = self._questions.describe(self._names)
        return self._ids

    def ask(self) -> TopicIds:
        """Now."""
        self._ids = self._questions.topic_ids(self._names)
        return self._ids
