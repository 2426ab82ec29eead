"""Membership in the consumer group, which assigns the partitions. It reads no records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.future import Future
from kafka.structs import MemberState

from inbox.kafka.connections import ANSWER_MS, Arrived, TopicIds
from inbox.kafka.kafka_python.client import cluster_id, topic_ids

JOIN_SECONDS = 3.0  # the longest time from the forming of the group to the assignment
JOIN_POLLS = 20  # and the least number of polls in it, because a busy machine polls rarely
NOT_A_MEMBER = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)
STRATEGY = "partition_assignment_strategy"


class Incremental(CooperativeStickyAssignor):  # type: ignore[misc]
    """Moves only the partitions that must move (KIP-429), and reports the partitions that are really owned.
    The client's own assignor still reports those that it owned before the group removed it; these would have
    no reader.
    """

    def __init__(self, owned: Callable[[], Collection[TopicPartition]]) -> None:
        super().__init__()
        self._owned = owned

    def metadata(self, topics: Collection[str]) -> Any:
        self.member_assignment = sorted(self._owned())
        return super().metadata(topics)


class JoinInProgress:
    """A join until a poll has seen its end. The client forgets a join that ends between two polls, and joins
    again. Each of these joins would make all members join again, without end if they poll rarely.
    """

    is_done = False

    def __init__(self, future: Future) -> None:
        self.add_callback = future.add_callback
        self.add_errback = future.add_errback


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of the group. Another client, without a group, reads the records, so a rebalance does not stop
    the other members.
    """

    def __init__(
        self,
        connect: Callable[[Mapping[str, Any]], Any],
        config: Mapping[str, Any],
        arrived: Arrived,
    ) -> None:
        self.owned: frozenset[TopicPartition] = frozenset()
        self.revoked = False
        self._arrived = arrived
        self._generation = -1
        self._joined_at: float | None = None
        self._polls = 0
        self._uncommitted: dict[TopicPartition, OffsetAndMetadata] = {}
        self.client = connect({STRATEGY: [Incremental(lambda: self.owned)], **config})

    def subscribe(self, topics: Collection[str]) -> None:
        self.client.subscribe(sorted(topics), listener=self)
        self.client.topics()  # it must know their partitions before it joins, or it joins twice

    def ask_for_topics(self) -> Collection[str]:
        """It has no timeout."""
        names: Collection[str] = self.client.topics()
        return names

    def topic_ids(self) -> TopicIds:
        return topic_ids(self.client)

    def cluster_id(self) -> str:
        return cluster_id(self.client)

    def poll(self, seconds: float) -> None:
        try:
            self.client.poll(timeout_ms=int(seconds * 1000))
        finally:
            coordinator: Any = getattr(self.client, "_coordinator", None)
            if isinstance(join := getattr(coordinator, "_join_task", None), Future):
                coordinator._join_task = JoinInProgress(join)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        for partition in assigned:
            self.client.pause(partition)
            self.client.seek(partition, 0)  # so that the client does not ask for the start offset
        self._arrived(assigned)
        self.owned |= assigned

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.revoked |= bool(revoked)
        self.owned -= revoked

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        self._uncommitted |= offsets
        ours = {p: offset for p, offset in self._uncommitted.items() if p in self.owned}
        self._uncommitted = ours
        if ours:
            with suppress(*NOT_A_MEMBER):
                self.client.commit(ours, timeout_ms=ANSWER_MS)
                self._uncommitted = {}

    def commit_now(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> bool:
        self._uncommitted = {p: at for p, at in self._uncommitted.items() if p not in offsets}
        if not self.owned.issuperset(offsets):
            return False
        try:
            self.client.commit(dict(offsets), timeout_ms=ANSWER_MS)
        except NOT_A_MEMBER:
            return False
        return True

    @property
    def joined(self) -> bool:
        return bool(self.client.group_metadata().state == MemberState.STABLE)

    @property
    def member(self) -> str:
        return str(self.client.group_metadata().member_id)

    def hangs(self, now: float) -> bool:
        """Whether the client has joined a generation but does not get its assignment.

        The client forgets a join that takes longer than one poll if its reason, new partitions of a topic,
        has disappeared meanwhile. While other members have not joined yet, the generation is still the old
        one, so that does not count.
        """
        group = self.client.group_metadata()
        if group.state == MemberState.STABLE:
            self._generation = group.generation_id
        if group.generation_id in (-1, self._generation):
            self._joined_at, self._polls = None, 0
            return False
        self._joined_at = now if self._joined_at is None else self._joined_at
        self._polls += 1
        return now > self._joined_at + JOIN_SECONDS and self._polls > JOIN_POLLS

    def close(self) -> None:
        with suppress(KafkaError):
            self.client.close(timeout_ms=ANSWER_MS)
