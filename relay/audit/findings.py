"""What an audit found. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import msgspec

from outbox_core.people.text import line

SHOWN = 20
"""How many differences of each kind are named."""
LONGEST = 500
"""The most characters that an operation stores of a text."""


class Wrong(StrEnum):
    """A kind of difference."""

    MISSING = "missing"
    """Published, and not in Kafka."""
    PHANTOM = "phantom"
    """In Kafka with our source, and not in the outbox."""
    ALTERED = "altered"
    """In Kafka with other bytes than the outbox has."""
    DISORDER = "out of order"
    """Behind an event of its key that was written later."""
    PERHAPS_DISORDER = "perhaps out of order"
    """The same, but the two transactions may have been open at the same time."""

    @property
    def is_certain(self) -> bool:
        return self is not Wrong.PERHAPS_DISORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference, and where it is."""

    wrong: Wrong
    event_id: str
    topic: str
    key: str
    where: str
    detail: str

    @property
    def words(self) -> str:
        """In a sentence."""
        what = f"event {self.event_id} of {self.topic}, key {self.key}, " if self.event_id else ""
        of = f" of {self.topic}" if self.topic and not self.event_id else ""
        return line(f"{self.wrong.capitalize()}: {what}{self.where}{of}: {self.detail}", LONGEST)

    def printable(self) -> Self:
        """Without control characters, and short."""
        return replace(
            self,
            event_id=line(self.event_id, LONGEST),
            topic=line(self.topic, LONGEST),
            key=line(self.key, LONGEST),
            where=line(self.where, LONGEST),
            detail=line(self.detail, LONGEST),
        )


@dataclass(slots=True, kw_only=True)
class Findings:
    """All counts of an audit, and the first differences of each kind.

    ``published`` counts by topic the events that must be in Kafka; ``waiting`` by status those that must not;
    ``outside`` by reason what cannot be compared. ``again`` are exact copies, ``others`` records of other
    sources, ``tests`` those of doctors. ``stopped`` is why the audit ended early.
    """

    published: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    differences: Counter[Wrong] = field(default_factory=Counter)
    first: list[Difference] = field(default_factory=list)
    records: int = 0
    again: int = 0
    replayed: int = 0
    others: int = 0
    tests: int = 0
    oldest: str = ""
    newest: str = ""
    stopped: str = ""

    def expect(self, topic: str, created_at: str) -> None:
        """An event that must be in Kafka."""
        self.published[topic] += 1
        self.oldest = min(self.oldest or created_at, created_at)
        self.newest = max(self.newest, created_at)

    @classmethod
    def stored(cls, data: Mapping[str, Any] | None) -> Self:
        """Those of ``for_storage``; without any, nothing was found yet."""
        found = cls(**(data or {}))
        found.published, found.waiting = Counter(found.published), Counter(found.waiting)
        found.outside = Counter(found.outside)
        found.differences = Counter({Wrong(name): count for name, count in found.differences.items()})
        found.first = msgspec.convert(found.first, list[Difference])
        return found

    def for_storage(self) -> dict[str, Any]:
        """All of it, as JSON that PostgreSQL takes."""
        return dict(msgspec.to_builtins(replace(self, first=[each.printable() for each in self.first])))

    def include(self, other: Findings) -> None:
        """Add those of an audit of other topics."""
        for mine, theirs in (
            (self.published, other.published),
            (self.waiting, other.waiting),
            (self.outside, other.outside),
        ):
            mine.update(theirs)
        for difference in other.first:
            self.add(difference)
        self.differences.update(other.differences - Counter(each.wrong for each in other.first))
        self.records += other.records
        self.again += other.again
        self.replayed += other.replayed
        self.others += other.others
        self.tests += other.tests
        self.oldest = min(filter(None, (self.oldest, other.oldest)), default="")
        self.newest = max(self.newest, other.newest)

    @property
    def certain(self) -> list[Difference]:
        """The first differences of the kinds that are certain."""
        return [each for each in self.first if each.wrong.is_certain]

    @property
    def total(self) -> int:
        """How many differences are certain."""
        return sum(count for wrong, count in self.differences.items() if wrong.is_certain)

    def clear(self) -> None:
        """Forget the differences."""
        self.differences.clear()
        self.first.clear()

    def add(self, difference: Difference) -> None:
        self.differences[difference.wrong] += 1
        if self.differences[difference.wrong] <= SHOWN:
            self.first.append(difference)
