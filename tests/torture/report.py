"""A verdict as a table: a line for each thing that was looked at, marked where it is wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.torture.checker import Incident

SHOW = 5
Row = tuple[str, str, bool]
"""What was looked at, what was found, and whether that breaks a promise."""


@dataclass(slots=True)
class Report(ABC):
    """What a run from a seed has shown."""

    seed: int
    incidents: Sequence[Incident]

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """All that was looked at."""

    @abstractmethod
    def details(self) -> Iterator[str]:
        """Some of what is wrong, event by event."""

    @property
    def holds(self) -> bool:
        return not any(wrong for _, _, wrong in self.rows())

    def table(self) -> str:
        rows = list(self.rows())
        width = max(len(name) for name, _, _ in rows)
        lines = [f"{'XX' if wrong else '  '} {name:<{width}}  {value}" for name, value, wrong in rows]
        verdict = "every promise held" if self.holds else "BROKEN"
        return "\n".join(["", *lines, *self.details(), f"   seed {self.seed}: {verdict}"])

    def recovery(self) -> Row:
        seconds = [i.recovered for i in self.incidents if i.recovered is not None]
        never = [i.name for i in self.incidents if i.recovered is None]
        text = f"median {median(seconds):.1f} s, longest {max(seconds):.1f} s" if seconds else "-"
        return "recovery", text + (f"; never: {', '.join(never)}" if never else ""), bool(never)


def examples(findings: object, names: Sequence[str]) -> Iterator[str]:
    """The first few of each list of words."""
    for name in names:
        for line in getattr(findings, name)[:SHOW]:
            yield f"     {name}: {line}"


def counted(codes: Mapping[int, int]) -> str:
    """Exit codes, and how many ended with each."""
    return ", ".join(f"{count} with {code}" for code, count in sorted(codes.items())) or "0"
