"""Where a consumer's records come from: the port between its loop and Kafka."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from outbox_core.wire.consumed import Record

Partition = tuple[str, int]
Offsets = Mapping[Partition, int]


class Source(Protocol):
    """Where a consumer's records come from: Kafka, or a list in memory.

    Every method may raise SourceUnavailable; the source is still good then, and is asked again later.
    """

    def poll(self, timeout: float) -> Sequence[Record]:
        """The next records, in the order of each partition; none after ``timeout`` seconds without any."""

    def commit(self, offsets: Offsets) -> None:
        """Remember that everything before these offsets is done, for whoever reads these partitions next."""

    def rewind(self, offsets: Offsets) -> None:
        """Deliver again from these offsets on, where the partition is still ours."""

    def keep_alive(self) -> bool:
        """Stay a member of the group while a batch is in hand; False if its partitions were taken away."""

    def partitions(self) -> Collection[Partition]:
        """The partitions that are read here now."""

    def reread(self) -> None:
        """Deliver again from where the database is: it went back in time."""

    def waits_for(self) -> str:
        """What it cannot read while it reads the rest, in words; empty if nothing."""

    def close(self) -> None:
        """Leave the group, so that other members take over at once."""
