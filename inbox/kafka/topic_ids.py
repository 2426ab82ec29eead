"""Which topics offsets belong to: a name can be given to another topic, and a group to another cluster."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from kafka import OffsetAndMetadata

from inbox.offsets import Stored
from inbox.signals import cluster_changed, topic_recreated

MARK = "topic-id="


class TopicIds:
    """Which topics offsets are of. A topic that is deleted and created again counts its records from 0 again:
    whoever goes on at its old offset misses the first of them, and Kafka says nothing of it.

    Topics have an id for that (KIP-516), which goes into the metadata of each committed offset. Brokers
    before 2.8 tell none, nor do other programs that commit: such offsets are believed. So are those that a
    group has of another cluster, which MirrorMaker has translated and brought here with their metadata.
    Nobody translates what the consumer's database has of another cluster: that is not believed.
    """

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._cluster = ""
        self._ids: Mapping[str, UUID | None] = {}
        self._last: dict[str, UUID] = {}
        self._told: set[str] = set()
        self._moved: set[str] = set()

    def note(self, cluster: str, ids: Mapping[str, UUID | None]) -> None:
        """The topics that are read from now on, and where."""
        self._cluster, self._ids = cluster, ids
        for topic, topic_id in ids.items():
            if topic_id is not None and self._last.setdefault(topic, topic_id) != topic_id:
                self._last[topic] = topic_id
                self._report(topic)

    def changed(self, ids: Mapping[str, UUID | None]) -> bool:
        """Whether one of them is no longer there, or is another one."""
        return any(ids.get(topic, "gone") != mine for topic, mine in self._ids.items())

    def sign(self, topic: str, offset: int) -> OffsetAndMetadata:
        """The offset as it is to be committed."""
        return OffsetAndMetadata(offset, self._mark(topic), -1)

    def stored(self, topic: str, offset: int) -> Stored:
        """The offset as the consumer's database is to have it."""
        return Stored(offset, self._ids.get(topic), self._cluster)

    def is_of_another_topic(self, topic: str, stored: Stored) -> bool:
        """Whether the database has an offset of an earlier topic of this name, or of another cluster."""
        if stored.cluster_id and self._cluster and stored.cluster_id != self._cluster:
            self._say_moved(topic, stored.cluster_id)
            return True
        mine = self._ids.get(topic)
        another = mine is not None and stored.topic_id is not None and mine != stored.topic_id
        if another:
            self._report(topic)
        return another

    def is_of_another(self, topic: str, metadata: str) -> bool:
        """Whether an offset was committed for an earlier topic of this name."""
        mine = self._mark(topic)
        another = bool(mine) and metadata.startswith(self._here) and metadata != mine
        if another:
            self._report(topic)
        return another

    def was_recreated(self, topic: str) -> bool:
        """Whether an earlier topic of this name is known to have been."""
        return self._mark(topic) in self._told

    def _say_moved(self, topic: str, cluster: str) -> None:
        if topic not in self._moved:
            self._moved.add(topic)
            cluster_changed.send(self._consumer, topic=topic, before=cluster, now=self._cluster)

    def _report(self, topic: str) -> None:
        if not self.was_recreated(topic):
            self._told.add(self._mark(topic))
            topic_recreated.send(self._consumer, topic=topic)

    def _mark(self, topic: str) -> str:
        topic_id = self._ids.get(topic)
        return f"{self._here}{topic_id}" if topic_id is not None else ""

    @property
    def _here(self) -> str:
        return f"{MARK}{self._cluster}/"
