"""Membership in the consumer group, which assigns the partitions. It reads no records."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaException
from confluent_kafka import TopicPartition as Place
from kafka import OffsetAndMetadata, TopicPartition

from inbox.kafka.confluent.errors import ends_a_member
from inbox.kafka.confluent.options import client
from inbox.kafka.confluent.questions import KnownTopics
from inbox.kafka.connections import ANSWER_MS, Arrived, TopicIds
from outbox_core.librdkafka import ClientReports

_IDLE = {"queued.min.messages": 1, "queued.max.messages.kbytes": 1}


class Membership:
    """A member of the group. Another client reads the records, because the polls that keep this member in the
    group would drop records.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        reports: ClientReports,
        topics: KnownTopics,
        cluster: str,
        arrived: Arrived,
    ) -> None:
        self.owned: frozenset[TopicPartition] = frozenset()
        self.revoked = False
        self.joined = False
        self.member = ""
        self._arrived = arrived
        self._topics = topics
        self._cluster = cluster
        self._uncommitted: dict[TopicPartition, OffsetAndMetadata] = {}
        callbacks = {"on_commit": self._on_commit, "error_cb": reports.error}
        self._client = client(Consumer, {**options, **_IDLE, **callbacks}, reports)

    def subscribe(self, topics: Collection[str]) -> None:
        self._client.subscribe(
            sorted(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def poll(self, seconds: float) -> None:
        message = self._client.poll(seconds)
        error = None if message is None else message.error()
        if error is not None and ends_a_member(error):
            raise KafkaException(error)

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Begin to commit. Later polls report which offsets Kafka has."""
        self._uncommitted |= offsets
        self._uncommitted = {p: at for p, at in self._uncommitted.items() if p in self.owned}
        if self._uncommitted:
            places = [Place(*p, at.offset, at.metadata) for p, at in self._uncommitted.items()]
            with suppress(KafkaException):  # the next commit includes it
                self._client.commit(offsets=places, asynchronous=True)

    def commit_now(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> bool:
        self.commit(offsets)
        until = time.monotonic() + ANSWER_MS / 1000
        while self._uncommitted.keys() & offsets and time.monotonic() < until:
            self.poll(0.05)  # it serves the answer, and also a rebalance
        waiting = self._uncommitted.keys() & offsets
        for partition in waiting:
            del self._uncommitted[partition]
        return not waiting and self.owned.issuperset(offsets)

    def hangs(self, now: float) -> bool:
        return False

    def ask_for_topics(self) -> Collection[str]:
        return self._topics.ask().keys()

    def topic_ids(self) -> TopicIds:
        return self._topics.ids()

    def cluster_id(self) -> str:
        return self._cluster

    def close(self) -> None:
        with suppress(KafkaException, RuntimeError):
            self._client.close()
        self.owned, self.joined, self.member = frozenset(), False, ""

    def _on_assign(self, own: Any, places: Sequence[Place]) -> None:
        own.incremental_assign([Place(each.topic, each.partition, OFFSET_END) for each in places])
        own.pause([Place(each.topic, each.partition) for each in places])
        assigned = _partitions(places)
        self._arrived(assigned)
        self.owned |= assigned
        self.joined = True
        self.member = str(own.memberid() or "")  # once: it asks a thread of the client, for a millisecond

    def _on_revoke(self, own: Any, places: Sequence[Place]) -> None:
        revoked = _partitions(places)
        self.revoked |= bool(revoked)
        self.owned -= revoked

    def _on_lost(self, own: Any, places: Sequence[Place]) -> None:
        self._on_revoke(own, places)
        self.joined, self.member = False, ""

    def _on_commit(self, error: Any, places: Sequence[Place]) -> None:
        for each in places if error is None else ():
            partition = TopicPartition(each.topic, each.partition)
            given = self._uncommitted.get(partition)
            if each.error is None and given is not None and given.offset == each.offset:
                del self._uncommitted[partition]


def _partitions(places: Sequence[Place]) -> frozenset[TopicPartition]:
    return frozenset(TopicPartition(each.topic, each.partition) for each in places)
