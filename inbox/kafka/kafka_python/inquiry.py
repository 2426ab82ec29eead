"""Requests to Kafka from outside the group, through kafka-python."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from inbox.errors import SourceUnavailable, TopicDeleted
from inbox.kafka.connections import ANSWER_MS, Bounds, Errors, TopicIds
from inbox.kafka.inquiry import Span
from inbox.kafka.kafka_python.client import (
    WITHOUT_GROUP,
    cluster_id,
    config,
    connect,
    connect_admin,
    members_of,
    reason,
    topic_ids,
)

NO_ANSWER = "no answer"
WAIT = {"timeout_ms": ANSWER_MS}
BOUNDED = {"bootstrap_timeout_ms": ANSWER_MS, "fetch_max_wait_ms": 100}


class Inquiry:
    """Without a ``group`` it asks about topics only."""

    errors: Errors = (KafkaError,)

    def __init__(
        self, servers: Sequence[str], options: Mapping[str, Any], group: str = "", *, committed: bool = True
    ) -> None:
        self.servers = ",".join(servers)
        self._addresses, self._options, self._group = servers, options, group
        own = dict({"group_id": group} if group else WITHOUT_GROUP)
        if not committed:
            own["isolation_level"] = "read_uncommitted"
        self._client = connect(config(servers, options, **BOUNDED, **own))

    def reason(self, error: Exception) -> str:
        return reason(error) or NO_ANSWER

    def cluster_id(self) -> str:
        return cluster_id(self._client)

    def topic_ids(self, topics: Collection[str]) -> TopicIds:
        names = self._client.topics()
        ids = topic_ids(self._client)
        return {topic: ids.get(topic) for topic in topics if topic in names}

    def partitions(self, topic: str) -> list[TopicPartition]:
        numbers = self._client.partitions_for_topic(topic) or ()
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Span]:
        asked = list(partitions)
        try:
            beginnings = self._client.beginning_offsets(asked, **WAIT)
            ends = self._client.end_offsets(asked, **WAIT)
        except KeyError as error:  # the client raises this for a topic that was deleted meanwhile
            raise TopicDeleted.of(asked) from error
        return {partition: (beginnings[partition], ends[partition]) for partition in asked}

    def at_time(self, partitions: Collection[TopicPartition], milliseconds: int) -> Bounds:
        found = self._client.offsets_for_times(dict.fromkeys(partitions, milliseconds), **WAIT)
        return {partition: each.offset for partition, each in found.items() if each is not None}

    def first_records(self, starts: Bounds, ends: Bounds, seconds: float) -> dict[TopicPartition, int | None]:
        client = self._client
        found: dict[TopicPartition, int | None] = {}
        until = time.monotonic() + seconds
        while (left := [p for p in starts if p not in found]) and time.monotonic() < until:
            client.assign(left)
            for partition in left:
                client.seek(partition, starts[partition])
            try:
                batches = client.poll(timeout_ms=500, max_records=1)
            except Exception:  # for a batch that it cannot decode, the client raises errors of any kind
                break
            found |= {partition: records[0].timestamp for partition, records in batches.items()}
            found |= {p: None for p in left if p not in found and self._is_at(p, ends[p])}
        return found

    def members(self) -> frozenset[str]:
        with closing(connect_admin(self._addresses, self._options)) as admin:
            return members_of(admin, self._group)

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        self._client.assign(list(offsets))
        self._client.commit(offsets, **WAIT)

    def close(self) -> None:
        self._client.close(**WAIT)

    def _is_at(self, partition: TopicPartition, end: int) -> bool:
        position = self._client.position(partition, timeout_ms=0)
        return position is not None and position >= end


def connected(
    servers: Sequence[str], options: Mapping[str, Any], group: str = "", *, committed: bool = True
) -> Inquiry:
    """Raises SourceUnavailable if Kafka does not answer."""
    try:
        return Inquiry(servers, options, group, committed=committed)
    except KafkaError as error:
        raise SourceUnavailable(f"{','.join(servers)}: {reason(error) or NO_ANSWER}") from error
