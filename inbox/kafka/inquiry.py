"""What commands ask of Kafka from outside the group: the interface that each client implements."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from kafka import OffsetAndMetadata, TopicPartition

from inbox.kafka.connections import Bounds, Errors, TopicIds

Span = tuple[int, int]
"""The first offset and the end offset."""


class Inquiry(Protocol):
    """A client that is not a member. All its methods raise ``errors``."""

    errors: Errors
    servers: str

    def reason(self, error: Exception) -> str:
        """An error in words."""

    def cluster_id(self) -> str:
        """The id of the cluster."""

    def topic_ids(self, topics: Collection[str]) -> TopicIds:
        """The ids of the topics among these that exist."""

    def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic that exists."""

    def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Span]:
        """The first offset and the end offset of each partition. Raises TopicDeleted."""

    def at_time(self, partitions: Collection[TopicPartition], milliseconds: int) -> Bounds:
        """The offset of the first record at this time or later, for each partition that has one."""

    def first_records(self, starts: Bounds, ends: Bounds, seconds: float) -> dict[TopicPartition, int | None]:
        """When the first record of each was written, in milliseconds; None if only transaction markers are
        left. A partition that does not answer in time, or cannot be decoded, is missing.
        """

    def members(self) -> frozenset[str]:
        """The ids of the group's members, also of dead ones whose session has not timed out yet."""

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit these for the group, which has no members."""

    def close(self) -> None:
        """Close the client."""
