"""What ``inbox_seek`` asks Kafka: the ends of partitions, the members of the group, and its offsets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from inbox.errors import SourceUnavailable
from inbox.kafka.client import ANSWER_MS, bounds, cluster_id, config, connect, connect_admin, topic_ids
from inbox.kafka.topic_ids import TopicIds

WAIT = {"timeout_ms": ANSWER_MS}


class Group:
    """A consumer group, asked by a client that is not a member. Raises SourceUnavailable."""

    def __init__(self, consumer: str, servers: Sequence[str], group: str, options: Mapping[str, Any]) -> None:
        self._group = group
        self._connect_admin = partial(connect_admin, servers, options)
        self._servers = ",".join(servers)
        self._ids = TopicIds(consumer)
        with self._translated():
            self._client = connect(config(servers, options, group_id=group))

    def members(self) -> int:
        """How many members the group has, including dead ones whose session has not timed out yet."""
        with self._translated():
            with closing(self._connect_admin()) as admin:
                found = admin.describe_groups([self._group])
        return len(found[self._group].get("members") or ()) if self._group in found else 0

    def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic; empty if it does not exist."""
        with self._translated():
            names = self._client.topics()
            self._ids.note(cluster_id(self._client), topic_ids(self._client))
            numbers = (self._client.partitions_for_topic(topic) or ()) if topic in names else ()
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """The first offset and the end offset of each partition."""
        with self._translated():
            return bounds(self._client, partitions, ANSWER_MS)

    def at_time(self, partitions: Collection[TopicPartition], when: datetime) -> dict[TopicPartition, int]:
        """The offset of the first record at this time or later; the end of a partition without one."""
        milliseconds = int(when.timestamp() * 1000)
        with self._translated():
            found = self._client.offsets_for_times(dict.fromkeys(partitions, milliseconds), **WAIT)
        ends = self.bounds(partitions)
        return {p: ends[p][1] if found.get(p) is None else found[p].offset for p in partitions}

    def stored(self, partition: TopicPartition, offset: int) -> Any:
        """The offset in the form in which the consumer's database stores it."""
        return self._ids.stored(partition.topic, offset)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Give Kafka its copy. It refuses this while the group has members."""
        signed = {p: self._ids.sign(p.topic, offset) for p, offset in offsets.items()}
        with self._translated():
            self._client.assign(list(offsets))
            self._client.commit(signed, **WAIT)

    def close(self) -> None:
        self._client.close(timeout_ms=ANSWER_MS)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise SourceUnavailable(f"{self._servers}: {type(error).__name__}: {error}") from error
