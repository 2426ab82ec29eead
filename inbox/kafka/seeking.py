"""What ``inbox_seek`` asks Kafka: the ends of partitions, the members of the group, and its offsets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from kafka import TopicPartition

from inbox.errors import SourceUnavailable
from inbox.kafka.inquiry import Inquiry, Span
from inbox.kafka.topic_ids import TopicIds


class Group:
    """A consumer group, asked by a client that is not a member. Raises SourceUnavailable."""

    def __init__(self, consumer: str, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        self._ids = TopicIds(consumer)

    def members(self) -> frozenset[str]:
        """The ids of its members, also of dead ones whose session has not timed out yet."""
        with self._translated():
            return self._inquiry.members()

    def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic; empty if it does not exist."""
        with self._translated():
            ids = self._inquiry.topic_ids([topic])
            self._ids.note(self._inquiry.cluster_id(), ids)
            return self._inquiry.partitions(topic) if ids else []

    def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Span]:
        """The first offset and the end offset of each partition."""
        with self._translated():
            return self._inquiry.bounds(partitions)

    def at_time(self, partitions: Collection[TopicPartition], when: datetime) -> dict[TopicPartition, int]:
        """The offset of the first record at this time or later; the end of a partition without one."""
        milliseconds = max(0, int(when.timestamp() * 1000))  # negative ones have meanings of their own
        with self._translated():
            found = self._inquiry.at_time(partitions, milliseconds)
        ends = self.bounds(partitions)
        return {p: found.get(p, ends[p][1]) for p in partitions}

    def stored(self, partition: TopicPartition, offset: int) -> Any:
        """The offset in the form in which the consumer's database stores it."""
        return self._ids.stored(partition.topic, offset)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Give Kafka its copy. It refuses this while the group has members."""
        signed = {p: self._ids.sign(p.topic, offset) for p, offset in offsets.items()}
        with self._translated():
            self._inquiry.commit(signed)

    def close(self) -> None:
        self._inquiry.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._inquiry.errors as error:
            raise unavailable(self._inquiry, error) from error


def unavailable(inquiry: Inquiry, error: Exception) -> SourceUnavailable:
    """An error of the client, with the addresses."""
    return SourceUnavailable(f"{inquiry.servers}: {inquiry.reason(error)}")
