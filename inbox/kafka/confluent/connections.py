"""The clients of a source, made of confluent-kafka."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import KafkaException
from kafka import TopicPartition

from inbox.errors import NoAnswer, Undecodable
from inbox.kafka.confluent.membership import Membership
from inbox.kafka.confluent.options import begins_at_end, config, metadata_seconds
from inbox.kafka.confluent.questions import SECONDS, KnownTopics, Questions
from inbox.kafka.confluent.reader import Reader
from inbox.kafka.connections import Arrived, Committed, Errors
from outbox_core.kafka_reasons import explained
from outbox_core.librdkafka import ClientReports, words


class Confluent:
    """A member of the group, a reader, and an admin client for questions."""

    errors: Errors = (KafkaException, NoAnswer)
    no_answer: Errors = (NoAnswer,)

    def __init__(self, servers: Sequence[str], group: str, options: Mapping[str, Any]) -> None:
        self.servers = ",".join(servers)
        self._config = config(servers, group, options)
        self.latest = begins_at_end(self._config)
        self._reports = ClientReports()
        self._questions = Questions(self._config, self._reports)

    def member(self, topics: Collection[str], arrived: Arrived) -> Membership:
        cluster = self._questions.cluster_id()
        known = KnownTopics(self._questions, topics, metadata_seconds(self._config))
        return Membership(self._config, self._reports, known, cluster, arrived)

    def reader(self) -> Reader:
        return Reader({**self._config, "auto.offset.reset": "earliest"}, self._reports, self._questions)

    def committed(self, partitions: Collection[TopicPartition]) -> Committed:
        return self._questions.committed(partitions)

    def readable(self, partition: TopicPartition, offset: int) -> bool | None:
        with closing(self.reader()) as reader:
            reader.seek(partition, offset)
            try:
                return bool(reader.read([partition], SECONDS)) or None
            except Undecodable:
                return False

    def reason(self, error: Exception) -> str:
        if isinstance(error, NoAnswer):
            trouble = self._reports.trouble
            return f"{self.servers} does not answer" + (f": {explained(trouble)}" if trouble else "")
        return f"{self.servers}: {explained(words(error))}"
