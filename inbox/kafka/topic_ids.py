"""Finds offsets that belong to another topic of the same name, or to another cluster."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from uuid import UUID

from kafka import OffsetAndMetadata

from inbox.offsets import Stored
from inbox.signals import cluster_changed, topic_recreated

MARK = "topic-id="
SIGNED = re.compile(rf"{MARK}[^/]*/[\da-f-]{{36}}")
"""The metadata of an offset that ``TopicIds`` has signed begin with this. Behind it, confluent-kafka writes a
zero byte, and reads whatever lies in memory.
"""


class TopicIds:
    """Knows which topic an offset belongs to. A topic that is deleted and created again starts at offset 0:
    a consumer that continues at the old offset would skip records, and Kafka reports no error.

    So the metadata of each committed offset has the id of the topic (KIP-516). An offset without an id, from
    a broker before 2.8 or from another program, is trusted. So is a group's offset from another cluster,
    because MirrorMaker translates it and copies its metadata. An offset from another cluster in the
    consumer's database is not translated, so it is not trusted.
    """

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._cluster = ""
        self._ids: Mapping[str, UUID | None] = {}
        self._last: dict[str, UUID] = {}
        self._reported: set[str] = set()
        self._moved: set[str] = set()

    def note(self, cluster: str, ids: Mapping[str, UUID | None]) -> None:
        """The topics that are read from now on, and their cluster."""
        self._cluster, self._ids = cluster, ids
        for topic, topic_id in ids.items():
            if topic_id is not None and self._last.setdefault(topic, topic_id) != topic_id:
                self._last[topic] = topic_id
                self._report(topic)

    def changed(self, ids: Mapping[str, UUID | None]) -> bool:
        """Whether one of them was deleted, or deleted and created again."""
        return any(ids.get(topic, "gone") != mine for topic, mine in self._ids.items())

    def recreated(self, topics: Collection[str], ids: Mapping[str, UUID | None]) -> bool:
        """Whether one of these topics was deleted and created again."""
        return any(ids.get(topic) not in (None, self._ids.get(topic)) for topic in topics)

    def sign(self, topic: str, offset: int) -> OffsetAndMetadata:
        """The offset in the form in which it is committed."""
        return OffsetAndMetadata(offset, self._mark(topic), -1)

    def stored(self, topic: str, offset: int) -> Stored:
        """The offset in the form in which the consumer's database stores it."""
        return Stored(offset, self._ids.get(topic), self._cluster)

    def is_of_another_topic(self, topic: str, stored: Stored) -> bool:
        """Whether a stored offset belongs to a deleted topic of this name, or to another cluster."""
        if stored.cluster_id and self._cluster and stored.cluster_id != self._cluster:
            self._report_moved(topic, stored.cluster_id)
            return True
        another = not stored.is_of(self._ids.get(topic))
        if another:
            self._report(topic)
        return another

    def is_of_another(self, topic: str, metadata: str) -> bool:
        """Whether an offset was committed for a deleted topic of this name."""
        mine, signed = self._mark(topic), SIGNED.match(metadata)
        another = bool(mine) and signed is not None and signed[0].startswith(self._here) and signed[0] != mine
        if another:
            self._report(topic)
        return another

    def was_recreated(self, topic: str) -> bool:
        """Whether an offset of a deleted topic of this name was found."""
        return self._mark(topic) in self._reported

    def _report_moved(self, topic: str, cluster: str) -> None:
        if topic not in self._moved:
            self._moved.add(topic)
            cluster_changed.send(self._consumer, topic=topic, before=cluster, now=self._cluster)

    def _report(self, topic: str) -> None:
        if not self.was_recreated(topic):
            self._reported.add(self._mark(topic))
            topic_recreated.send(self._consumer, topic=topic)

    def _mark(self, topic: str) -> str:
        topic_id = self._ids.get(topic)
        return f"{self._here}{topic_id}" if topic_id is not None else ""

    @property
    def _here(self) -> str:
        return f"{MARK}{self._cluster}/"
