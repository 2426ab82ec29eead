"""A bar for each span of time, as numbers for an inline SVG. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from outbox.status.history import Period, Span
from outbox_core.people.humanize import amount, milliseconds


class Bar(NamedTuple):
    """One span: its place in the plot, and what to show of it."""

    x: float
    y: float
    height: float
    label: str


class Mark(NamedTuple):
    """Something that happened, at a share of the width."""

    share: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Values over time, the current span last, drawn in a box of ``width`` by ``height``. A value of None is
    not known, and has no bar. ``shown`` is each value in words, ``times`` each span.
    """

    title: str
    values: Sequence[float | None]
    shown: Callable[[float], str]
    times: Sequence[str]
    marks: Sequence[Mark] = ()
    width: int = 600
    height: int = 60

    @property
    def step(self) -> float:
        return self.width / len(self.values)

    @property
    def bar_width(self) -> float:
        return round(self.step * 0.8, 2)

    @property
    def highest(self) -> float:
        return max((value for value in self.values if value is not None), default=0)

    @property
    def peak(self) -> str:
        """The highest value."""
        return self.shown(self.highest)

    @property
    def bars(self) -> list[Bar]:
        """The oldest first."""
        return [self._bar(place, value) for place, value in enumerate(self.values) if value is not None]

    @property
    def lines(self) -> list[tuple[float, str]]:
        """The marks, by their place."""
        return [(round(mark.share * self.width, 2), mark.label) for mark in self.marks]

    def _bar(self, place: int, value: float) -> Bar:
        height = round(value / (self.highest or 1) * self.height, 2)
        label = f"{self.times[place]}: {self.shown(value)}"
        return Bar(round(place * self.step, 2), round(self.height - height, 2), height, label)


@dataclass(frozen=True, slots=True)
class History:
    """The plots of a period, and the same as a table."""

    period: Period
    spans: Sequence[Span]
    marks: Sequence[Mark]
    named: Callable[[datetime], str]

    @property
    def plots(self) -> list[Plot]:
        """Rates, backlog and latency."""
        spans = self.spans
        return [
            self._plot("Written (in)", [self._rate(span.written) for span in spans], _per_second),
            self._plot("Published (out)", [self._rate(span.published) for span in spans], _per_second),
            self._plot("Oldest pending event", [span.oldest_ms for span in spans], milliseconds),
            self._plot("Worst latency", [span.latency_ms for span in spans], milliseconds),
        ]

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The newest first: the time, and each plot's value in words."""
        plots = self.plots
        rows = [
            (self.named(span.at), [_cell(plot, place) for plot in plots])
            for place, span in enumerate(self.spans)
        ]
        return rows[::-1]

    def _plot(self, title: str, values: Sequence[float | None], shown: Callable[[float], str]) -> Plot:
        return Plot(title, values, shown, [self.named(span.at) for span in self.spans], self.marks)

    def _rate(self, events: int | None) -> float | None:
        return None if events is None else events / self.period.seconds


def _per_second(rate: float) -> str:
    return f"{amount(rate)}/s"


def _cell(plot: Plot, place: int) -> str:
    value = plot.values[place]
    return "-" if value is None else plot.shown(value)
