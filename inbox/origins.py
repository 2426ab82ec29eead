from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from kafka import OffsetAndMetadata, TopicPartition

from inbox.client import ANSWER_MS
from inbox.signals import topic_made_anew

MARK = "topic-id="


class Origins:
    """Which topics offsets are of. A topic that is deleted and made anew counts its records from 0 again:
    whoever goes on at its old offset misses the first of them, and Kafka says nothing of it.

    Topics have an id for that (KIP-516), which goes into the metadata of each committed offset. Brokers
    before 2.8 tell none, nor do other programs that commit: such offsets are believed.
    """

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._ids: Mapping[str, UUID | None] = {}
        self._last: dict[str, UUID] = {}
        self._told: set[str] = set()
        self._unchecked: set[TopicPartition] = set()

    def note(self, ids: Mapping[str, UUID | None]) -> None:
        """The topics that are read from now on."""
        self._ids = ids
        for topic, topic_id in ids.items():
            if topic_id is not None and self._last.setdefault(topic, topic_id) != topic_id:
                self._last[topic] = topic_id
                self._tell(topic)

    def changed(self, ids: Mapping[str, UUID | None]) -> bool:
        """Whether one of them is no longer there, or is another one."""
        return any(ids.get(topic, "gone") != mine for topic, mine in self._ids.items())

    def sign(self, partition: TopicPartition, offset: int) -> OffsetAndMetadata:
        """The offset as it is to be committed."""
        return OffsetAndMetadata(offset, self._mark(partition.topic), -1)

    def arrive(self, assigned: Collection[TopicPartition]) -> None:
        """These are to be checked before anything of them is read."""
        self._unchecked.update(assigned)

    def among(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        return self._unchecked.intersection(partitions)

    def check(self, client: Any) -> set[TopicPartition]:
        """Go to the beginning of what has the offset of an earlier topic; returns all that may be read now.

        Raises KafkaTimeoutError.
        """
        checked = self.among(client.assignment())
        others = {partition for partition in checked if self._is_of_another(client, partition)}
        if others:
            client.seek_to_beginning(*others)
        self._unchecked.clear()
        for topic in {partition.topic for partition in others}:
            self._tell(topic)
        return checked

    def _tell(self, topic: str) -> None:
        if self._mark(topic) not in self._told:
            self._told.add(self._mark(topic))
            topic_made_anew.send(self._consumer, topic=topic)

    def _is_of_another(self, client: Any, partition: TopicPartition) -> bool:
        mine = self._mark(partition.topic)
        committed = client.committed(partition, metadata=True, timeout_ms=ANSWER_MS) if mine else None
        mark = committed.metadata if committed is not None else ""
        return mark.startswith(MARK) and mark != mine

    def _mark(self, topic: str) -> str:
        topic_id = self._ids.get(topic)
        return f"{MARK}{topic_id}" if topic_id is not None else ""
