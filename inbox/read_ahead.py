"""Records that a consumer reads while no key succeeds: one of them may."""

from __future__ import annotations

from collections.abc import Sequence

from inbox.errors import Abandoned
from inbox.offsets import first_offsets
from inbox.source import Partition, Source
from outbox_core.wire.consumed import ConsumerRecord


class ReadAhead:
    """Keeps up to ``most`` records, or one poll more, until those in hand are finished."""

    def __init__(self, source: Source, most: int) -> None:
        self._source = source
        self._most = most
        self._records: list[ConsumerRecord] = []

    def __bool__(self) -> bool:
        return bool(self._records)

    def read(self) -> Sequence[ConsumerRecord]:
        """All that are kept, with those that have come since.

        Raises:
            Abandoned: partitions were revoked.
        """
        if len(self._records) < self._most:
            before = set(self._source.partitions())
            self._records += self._source.poll(0)
            if not before <= set(self._source.partitions()):
                raise Abandoned
        return self._records

    def take(self) -> Sequence[ConsumerRecord]:
        """They are handled now."""
        records, self._records = self._records, []
        return records

    def rewind(self, records: Sequence[ConsumerRecord], done: dict[Partition, int]) -> None:
        """Have these and those that are kept delivered again, except those that are done."""
        self._source.rewind(first_offsets([*records, *self.take()], done))
