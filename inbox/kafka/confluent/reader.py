"""The client that reads records of given partitions from given offsets. It never joins the group."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from operator import methodcaller
from typing import Any
from uuid import UUID

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place
from kafka import TopicPartition

from inbox.errors import Undecodable
from inbox.kafka.confluent.errors import is_of_a_batch
from inbox.kafka.confluent.options import client, milliseconds, reading
from inbox.kafka.confluent.questions import Questions
from inbox.kafka.connections import Batches, TopicIds
from inbox.kafka.patience import Fetch
from outbox_core.librdkafka import ClientReports, of, topic_id
from outbox_core.wire.consumed import ConsumerRecord

MOST = 500  # records in one read
_CHANGED = re.compile(r"Topic (\S+) changed id from \S+ to (\S+)")


class TopicIdLog:
    """The client's logger, which learns the ids of the topics that are read: the client shows them nowhere
    else. It logs an id before it delivers a record of that topic.
    """

    def __init__(self, reports: ClientReports) -> None:
        self.ids: dict[str, UUID | None] = {}
        self._reports = reports

    def log(self, level: int, message: str, *arguments: Any) -> None:
        """``arguments`` are facility, client and text."""
        if changed := _CHANGED.search(str(arguments[-1])):
            self.ids[changed[1]] = topic_id(changed[2])
        self._reports.log(level, message, *arguments)


class Reader:
    """Remembers the next offset of each partition, so that a new client continues there."""

    def __init__(self, options: Mapping[str, Any], reports: ClientReports, questions: Questions) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self.fetch = Fetch()
        self.seconds = milliseconds(options) / 1000
        self.beginnings = questions.beginnings
        self.ends = questions.ends
        self._options = options
        self._reports = reports
        self._client: Any = None
        self._log = TopicIdLog(reports)
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._passed: dict[TopicPartition, int] = {}
        """Where the client found the end of a partition."""
        self._undecodable: Undecodable | None = None

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.positions[partition] = offset
        self._passed.pop(partition, None)
        if partition in self._assigned:  # the client's own seek fails until it has begun to fetch
            self._client.incremental_unassign([Place(*partition)])
            self._client.incremental_assign([Place(*partition, offset)])

    def read(self, partitions: Collection[TopicPartition], seconds: float) -> Batches:
        self._raise_undecodable()
        self._assign(frozenset(partitions))
        first = self._client.poll(seconds)
        batches = {} if first is None else self._sorted([first, *self._client.consume(MOST - 1, 0)])
        for partition, records in batches.items():
            self.positions[partition] = records[-1].offset + 1
        if not batches:
            self._raise_undecodable()
        return batches

    def reached(self) -> Mapping[TopicPartition, int]:
        return {p: max(at, self._passed.get(p, at)) for p, at in self.positions.items()}

    def topic_ids(self) -> TopicIds:
        return self._log.ids

    def close(self) -> None:
        mine, self._client, self._assigned = self._client, None, frozenset()
        self._passed.clear()
        self._undecodable = None
        if mine is not None:
            with suppress(KafkaException, RuntimeError):
                mine.close()

    def _assign(self, partitions: frozenset[TopicPartition]) -> None:
        if self._client is None:
            self._log = TopicIdLog(self._reports)
            self._client = connect(reading(self._options, self.fetch), self._reports.error, self._log)
        if gone := self._assigned - partitions:
            self._client.incremental_unassign([Place(*each) for each in gone])
        if new := partitions - self._assigned:
            self._client.incremental_assign([Place(*each, self.positions[each]) for each in sorted(new)])
        self._assigned = partitions

    def _sorted(self, messages: Iterable[Any]) -> dict[TopicPartition, list[ConsumerRecord]]:
        """The records by partition, each up to what cannot be decoded."""
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        partitions = {(each.topic, each.partition): each for each in self._assigned}
        for message in messages:
            place = message.topic(), message.partition()
            partition = partitions.get(place) or TopicPartition(*place)
            if self._undecodable is not None and self._undecodable.partition == partition:
                continue
            try:
                record = _record(message, partition)
            except KafkaException as error:
                if of(error).code() == KafkaError._PARTITION_EOF:
                    self._passed[partition] = message.offset()
                else:
                    self._note(partition, error)
            except SystemError as error:
                self._note(partition, _cause(error))
            else:
                found.setdefault(partition, []).append(record)
        return found

    def _note(self, partition: TopicPartition, error: Exception) -> None:
        """The partition waits, if ``error`` is of its next batch. If it is of several, the others fail again
        when they are read by the next client.
        """
        own = of(error)
        if own is not None and (own.fatal() or own.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED):
            raise error
        if own is None or is_of_a_batch(own):
            self._undecodable = self._undecodable or Undecodable(error, partition)

    def _raise_undecodable(self) -> None:
        if self._undecodable is not None:
            undecodable, self._undecodable = self._undecodable, None
            raise undecodable


def connect(options: Mapping[str, Any], on_error: Any, log: TopicIdLog) -> Any:
    """A consumer that never subscribes. ``debug`` makes it log topic ids."""
    debug = ",".join(filter(None, (options.get("debug"), "topic")))
    return client(Consumer, {**options, "debug": debug, "error_cb": on_error}, log)


# Called so, it raises SystemError for a name that is no UTF-8. message.headers() returns a damaged list.
_headers = methodcaller("headers")


def _cause(error: SystemError) -> Exception:
    return error.__cause__ if isinstance(error.__cause__, UnicodeDecodeError) else error


def _record(message: Any, partition: TopicPartition) -> ConsumerRecord:
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    return ConsumerRecord(
        topic=partition.topic,
        partition=partition.partition,
        offset=message.offset(),
        key=message.key(),
        value=message.value(),
        headers=tuple(_headers(message) or ()),
        timestamp=message.timestamp()[1],
    )
