"""A bar for each minute, as numbers for an inline SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from outbox_core.people.humanize import amount


class Bar(NamedTuple):
    """One minute: its place in the plot, and what to show of it."""

    x: float
    y: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Counts by minute, the current minute last, drawn in a box of ``width`` by ``height``."""

    minutes: Sequence[int]
    width: int = 600
    height: int = 80

    @property
    def step(self) -> float:
        return self.width / len(self.minutes)

    @property
    def bar_width(self) -> float:
        return round(self.step * 0.8, 2)

    @property
    def top(self) -> int:
        """The rate that the full height of the box means."""
        return max(*self.minutes, 1)

    @property
    def peak(self) -> str:
        """The highest rate of a full minute."""
        return f"{amount(max(self.minutes) / 60)}/s"

    @property
    def bars(self) -> list[Bar]:
        """The oldest first."""
        return [self._bar(place, count) for place, count in enumerate(self.minutes)]

    def _bar(self, place: int, count: int) -> Bar:
        height = round(count / self.top * self.height, 2)
        ago = len(self.minutes) - 1 - place
        when = f"{ago} min ago" if ago else "this minute, so far"
        return Bar(round(place * self.step, 2), self.height - height, height, f"{when}: {count:,} events")
