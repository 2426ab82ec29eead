"""The outcome of each event that a test sent: handled, held, discarded, or not read yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inbox.models import HeldEvent
from inbox.source import Partition
from outbox_core.wire.attributes import printable
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.decode import parse
from outbox_core.wire.event import Event

HANDLED = "handled"
HELD = "held"
DISCARDED = "discarded"
SENT = "not read yet"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``state`` is one of the constants above. ``event`` is None if the record is unreadable."""

    record: ConsumerRecord
    event: Event | None
    state: str
    error: str = ""

    def is_of(self, type_: str, key: str | None) -> bool:
        """Whether it is an event of that type, and of that key if one is given."""
        return self._type == type_ and key in (None, self._key)

    @property
    def _type(self) -> str:
        return "unreadable record" if self.event is None else self.event.type

    @property
    def _key(self) -> str | None:
        return None if self.record.key is None else printable(self.record.key)

    def __str__(self) -> str:
        key = "" if self._key is None else f" {self._key}"
        return f"{self._type}{key}: {self.state}{f' ({self.error})' if self.error else ''}"


def outcomes(
    consumer: str, database: str, records: Sequence[ConsumerRecord], positions: Mapping[Partition, int]
) -> Iterator[Outcome]:
    """The outcome of each record. ``positions`` are the offsets up to which the consumer has
    handled or held everything.
    """
    rows = HeldEvent.objects.using(database).filter(consumer=consumer)
    held = {(row.topic, row.partition, row.offset): row for row in rows}
    for record in records:
        row = held.get((record.topic, record.partition, record.offset))
        event = readable(record)
        if row is not None:
            yield Outcome(record, event, HELD if row.discarded_at is None else DISCARDED, row.error)
        elif record.offset < positions.get((record.topic, record.partition), 0):
            yield Outcome(record, event, HANDLED)
        else:
            yield Outcome(record, event, SENT)


def readable(record: ConsumerRecord) -> Event | None:
    """The event of a record, None if it cannot be read."""
    try:
        return parse(record)
    except Exception:  # the consumer holds it, whatever is wrong with it
        return None
