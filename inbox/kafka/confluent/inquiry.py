"""Asks Kafka from outside the group, through confluent-kafka."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import OffsetSpec
from kafka import OffsetAndMetadata, TopicPartition

from inbox.errors import NoAnswer, TopicDeleted
from inbox.kafka.confluent.errors import code
from inbox.kafka.confluent.options import client, config
from inbox.kafka.confluent.questions import SECONDS, Questions
from inbox.kafka.connections import Bounds, Errors
from inbox.kafka.inquiry import Span
from outbox_core.librdkafka import ClientReports, words

NO_GROUP = "inbox"
"""librdkafka asks for a name. The client joins no group, and commits nothing."""
WHOLE = {"enable.partition.eof": True, "fetch.wait.max.ms": 100}


class Inquiry:
    """Without a ``group`` it asks about topics only."""

    errors: Errors = (KafkaException, NoAnswer)

    def __init__(
        self, servers: Sequence[str], options: Mapping[str, Any], group: str = "", *, committed: bool = True
    ) -> None:
        self.servers = ",".join(servers)
        self._group = group or NO_GROUP
        self._reports = ClientReports()
        self._config = config(servers, self._group, options)
        if not committed:
            self._config["isolation.level"] = "read_uncommitted"
        self._questions = Questions(self._config, self._reports, committed=committed)
        self.cluster_id = self._questions.cluster_id
        self.topic_ids = self._questions.topic_ids

    def reason(self, error: Exception) -> str:
        return self._reports.trouble or words(error)

    def partitions(self, topic: str) -> list[TopicPartition]:
        found = self._questions.answer(self._questions.describe([topic])[topic]).partitions
        return [TopicPartition(topic, number) for number in sorted(each.id for each in found)]

    def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Span]:
        beginnings = self._questions.beginnings(partitions)
        ends = self._questions.ends(partitions)
        if not beginnings.keys() & ends.keys() >= set(partitions):
            raise TopicDeleted.of(partitions)
        return {partition: (beginnings[partition], ends[partition]) for partition in partitions}

    def at_time(self, partitions: Collection[TopicPartition], milliseconds: int) -> Bounds:
        found = self._questions.offsets(partitions, OffsetSpec.for_timestamp(milliseconds))
        return {partition: offset for partition, offset in found.items() if offset >= 0}

    def first_records(self, starts: Bounds, ends: Bounds, seconds: float) -> dict[TopicPartition, int | None]:
        found: dict[TopicPartition, int | None] = {}
        until = time.monotonic() + seconds
        options = {**self._config, **WHOLE, "error_cb": self._reports.error}
        with closing(client(Consumer, options, self._reports)) as consumer:
            consumer.assign([Place(*each, start) for each, start in starts.items()])
            while starts.keys() - found.keys() and time.monotonic() < until:
                message = consumer.poll(0.2)
                if message is None or message.topic() is None:
                    continue
                partition = TopicPartition(message.topic(), message.partition())
                error = message.error()
                if error is None:
                    found.setdefault(partition, message.timestamp()[1])
                elif error.code() == KafkaError._PARTITION_EOF:
                    found.setdefault(partition, None)
                consumer.pause([Place(*partition)])
        return found

    def members(self) -> frozenset[str]:
        asked = self._questions.admin.describe_consumer_groups([self._group], request_timeout=SECONDS)
        try:
            return frozenset(each.member_id for each in self._questions.answer(asked[self._group]).members)
        except KafkaException as error:
            if code(error) == KafkaError.GROUP_ID_NOT_FOUND:
                return frozenset()
            raise

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        places = [Place(*each, at.offset, at.metadata) for each, at in offsets.items()]
        asked = [ConsumerGroupTopicPartitions(self._group, places)]
        answers = self._questions.admin.alter_consumer_group_offsets(asked, request_timeout=SECONDS)
        for each in self._questions.answer(answers[self._group]).topic_partitions:
            if each.error is not None:
                raise KafkaException(each.error)

    def close(self) -> None:
        """The admin client ends with this object."""
