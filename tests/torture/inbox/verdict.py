"""The verdict on a run: a table, and whether every promise was held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.torture.checker import Incident
from tests.torture.inbox.checker import Findings

SHOW = 5
KILLED = -9
LISTS = (
    "missing", "twice", "unknown", "disordered", "gathered",
    "wrongly_discarded", "wrongly_parked", "left_parked",
)  # fmt: skip


@dataclass(slots=True)
class Verdict:
    """All that a run has shown. ``leaving`` counts exit codes after SIGTERM, ``exits`` all others."""

    seed: int
    findings: Findings
    incidents: Sequence[Incident]
    again: int = 0
    lag: int = 0
    leaving: Mapping[int, int] = field(default_factory=dict)
    exits: Mapping[int, int] = field(default_factory=dict)
    tracebacks: int = 0
    complaints: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        return not any(wrong for _, _, wrong in self._rows())

    def table(self) -> str:
        rows = list(self._rows())
        width = max(len(name) for name, _, _ in rows)
        lines = [f"{'XX' if wrong else '  '} {name:<{width}}  {value}" for name, value, wrong in rows]
        verdict = "every promise held" if self.holds else "BROKEN"
        return "\n".join(["", *lines, *self._details(), f"   seed {self.seed}: {verdict}"])

    def _rows(self) -> Iterator[tuple[str, str, bool]]:
        f = self.findings
        yield "faults", str(len(self.incidents)), False
        yield "sent", f"{f.sent:,}, {f.poison} of them poison", f.sent == 0
        yield "sent again", f"{self.again:,}", False
        yield "took effect", f"{f.effects:,}", False
        yield "discarded, as it can never be read", str(f.discarded), False
        for name in LISTS:
            count = len(getattr(f, name))
            yield name.replace("_", " "), str(count), bool(count)
        yield "lag of the group at the end", str(self.lag), bool(self.lag)
        yield "recovery", self._recovery(), any(i.recovered is None for i in self.incidents)
        yield "exit codes after SIGTERM", _counted(self.leaving), any(self.leaving)
        yield "ended otherwise", _counted(self.exits), any(code != KILLED for code in self.exits)
        yield "stack traces in their logs", str(self.tracebacks), bool(self.tracebacks)
        for complaint in self.complaints:
            yield "complaint", complaint, True

    def _recovery(self) -> str:
        seconds = [i.recovered for i in self.incidents if i.recovered is not None]
        never = [i.name for i in self.incidents if i.recovered is None]
        text = f"median {median(seconds):.1f} s, longest {max(seconds):.1f} s" if seconds else "-"
        return text + (f"; never: {', '.join(never)}" if never else "")

    def _details(self) -> Iterator[str]:
        for name in LISTS:
            for line in getattr(self.findings, name)[:SHOW]:
                yield f"     {name}: {line}"


def _counted(codes: Mapping[int, int]) -> str:
    return ", ".join(f"{count} with {code}" for code, count in sorted(codes.items())) or "0"
