"""What an audit found. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

SHOWN = 20
"""How many differences of each kind are named."""


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
