from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from kafka import TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from inbox.client import ANSWER_MS
from inbox.missed import MissedRecords
from inbox.origins import Origins
from inbox.source import Offsets

NOT_A_MEMBER = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


class GroupOffsets:
    """How far the group is. ``check`` comes before anything is read of partitions that were assigned: what
    was committed may be of an earlier topic, or before what Kafka still has.
    """

    def __init__(self, origins: Origins, missed: MissedRecords) -> None:
        self._origins = origins
        self._missed = missed
        self._unchecked: set[TopicPartition] = set()
        self._uncommitted: dict[TopicPartition, int] = {}

    def arrive(self, assigned: Collection[TopicPartition]) -> None:
        self._unchecked.update(assigned)

    def unchecked(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        return self._unchecked.intersection(partitions)

    def check(self, client: Any) -> set[TopicPartition]:
        """Returns the partitions that may be read now. Raises KafkaTimeoutError."""
        checked = self.unchecked(client.assignment())
        for partition in checked:
            committed = client.committed(partition, metadata=True, timeout_ms=ANSWER_MS)
            if self._is_to_begin(partition.topic, committed):
                client.seek_to_beginning(partition)
                committed = None
            self._missed.expect(partition, None if committed is None else committed.offset)
        self._unchecked -= checked
        return checked

    def _is_to_begin(self, topic: str, committed: Any) -> bool:
        """Whatever ``auto_offset_reset`` is: Kafka forgets what was committed of a topic that is deleted."""
        if committed is None:
            return self._origins.is_anew(topic)
        return self._origins.is_of_another(topic, committed.metadata)

    def add(self, offsets: Offsets) -> None:
        """What is to be committed."""
        self._uncommitted |= {TopicPartition(*partition): offset for partition, offset in offsets.items()}

    def commit(self, client: Any) -> None:
        """Commit what is left to commit of the partitions that are still the client's."""
        ours = client.assignment() if client is not None else ()
        offsets = {
            partition: self._origins.sign(partition.topic, offset)
            for partition, offset in self._uncommitted.items()
            if partition in ours
        }
        if offsets:
            with suppress(*NOT_A_MEMBER):  # the partitions are another's, who finds these events handled
                client.commit(offsets, timeout_ms=ANSWER_MS)
        self.forget()

    def forget(self) -> None:
        """What is not committed comes again, and is found handled."""
        self._uncommitted.clear()
