"""The verdict on a run: a table, and whether every promise was held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.torture.inbox.checker import Findings
from tests.torture.report import Report, Row, counted, examples

KILLED = -9
DIED = 137
"""As a handler of the torture ends its process."""
LISTS = (
    "missing", "twice", "unknown", "disordered", "gathered",
    "wrongly_discarded", "wrongly_held", "left_held",
)  # fmt: skip


@dataclass(slots=True)
class Verdict(Report):
    """All that a run has shown. ``leaving`` counts exit codes after SIGTERM, ``exits`` all others."""

    findings: Findings
    again: int = 0
    lag: int = 0
    leaving: Mapping[int, int] = field(default_factory=dict)
    exits: Mapping[int, int] = field(default_factory=dict)
    tracebacks: int = 0
    complaints: Sequence[str] = ()

    def rows(self) -> Iterator[Row]:
        f = self.findings
        yield "faults", str(len(self.incidents)), False
        yield "sent", f"{f.sent:,}, {f.poison} of them poison", f.sent == 0
        yield "sent again", f"{self.again:,}", False
        yield "took effect", f"{f.effects:,}", False
        yield "discarded, as it can never be read", str(f.discarded), False
        yield "skipped, as people moved the consumer", str(f.skipped), False
        for name in LISTS:
            count = len(getattr(f, name))
            yield name.replace("_", " "), str(count), bool(count)
        yield "lag of the group at the end", str(self.lag), bool(self.lag)
        yield self.recovery()
        yield "exit codes after SIGTERM", counted(self.leaving), any(c not in (0, DIED) for c in self.leaving)
        yield "ended otherwise", counted(self.exits), any(code not in (KILLED, DIED) for code in self.exits)
        yield "stack traces in their logs", str(self.tracebacks), bool(self.tracebacks)
        for complaint in self.complaints:
            yield "complaint", complaint, True

    def details(self) -> Iterator[str]:
        yield from examples(self.findings, LISTS)
