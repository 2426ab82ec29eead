"""Where a consumer's records come from: the interface between its loop and Kafka."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from outbox_core.wire.consumed import ConsumerRecord

Partition = tuple[str, int]
Offsets = Mapping[Partition, int]


class Source(Protocol):
    """Where a consumer's records come from: Kafka, or a list in memory.

    Every method may raise SourceUnavailable. The source can still be used afterwards.
    """

    def poll(self, timeout: float) -> Sequence[ConsumerRecord]:
        """The next records, in the order of each partition. Waits up to ``timeout`` seconds for them."""

    def commit(self, offsets: Offsets) -> None:
        """Store that everything before these offsets is finished, for the next reader of the partitions."""

    def rewind(self, offsets: Offsets) -> None:
        """Deliver again from these offsets on, if the partition is still assigned."""

    def pause(self, topics: Collection[str]) -> None:
        """From now on deliver nothing of these topics, and everything of others."""

    def keep_alive(self) -> bool:
        """Stay a member of the group while a batch is handled. False if partitions were revoked."""

    @property
    def joined(self) -> bool:
        """Whether it is a member of the group and the partitions are assigned, even if all are assigned to
        others.
        """

    def partitions(self) -> Collection[Partition]:
        """The partitions that are read here now."""

    def move(self, offsets: Offsets) -> bool:
        """A person moves the consumer: store these at once as the next offsets of the group. False if the
        group does not take them, because another process reads one of these partitions now.
        """

    def reread(self, partitions: Collection[Partition] | None = None) -> None:
        """Deliver from the offsets in the database: it went back in time, or a person moved the consumer.
        None means all partitions.
        """

    def waits_for(self) -> str:
        """What it cannot read at the moment, as text; empty if it reads everything."""

    def member(self) -> str:
        """Its id in the Kafka group; empty while it is not a member."""

    def close(self) -> None:
        """Leave the group, so that other members take over at once."""
