"""The verdict on a run: a table, and whether every promise was held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.torture.checker import Findings
from tests.torture.report import SHOW, Report, Row, counted, examples


@dataclass(slots=True)
class Verdict(Report):
    """All that a run has shown. ``figures`` is what the outbox says of itself at the end; ``patience`` is how
    many seconds after a fault every shard should publish again, where that is judged.
    """

    findings: Findings
    figures: Mapping[str, Any]
    wrongly_held: Sequence[str] = ()
    exits: Mapping[int, int] = field(default_factory=dict)
    tracebacks: int = 0
    complaints: Sequence[str] = ()
    patience: float | None = None

    def rows(self) -> Iterator[Row]:
        f = self.findings
        yield "faults", str(len(self.incidents)), False
        yield "committed", f"{f.committed:,}", f.committed == 0
        yield "published", f"{f.distinct:,} ({f.records:,} records)", False
        if f.given_up:
            yield "published, then lost by the database", f"{f.given_up:,}", False
        yield "lost", str(len(f.lost)), bool(f.lost)
        yield "phantom", str(len(f.phantom)), bool(f.phantom)
        yield "out of order", str(len(f.disordered)), bool(f.disordered)
        yield "altered", str(len(f.altered)), bool(f.altered)
        yield "held by an outage", str(len(self.wrongly_held)), bool(self.wrongly_held)
        yield "duplicates", self._duplicates(), bool(f.duplicates["no fault"])
        for words in f.beyond(self.incidents):
            yield "more than the waves under way", words, True
        yield self.recovery()
        for words in self._late():
            yield "late", words, True
        yield "relays that ended themselves", counted(self.exits), any(c not in (1, -9) for c in self.exits)
        yield "stack traces in their logs", str(self.tracebacks), bool(self.tracebacks)
        yield "figures of the outbox", self._agreement() or "agree", bool(self._agreement())
        for complaint in self.complaints:
            yield "complaint", complaint, True

    def _duplicates(self) -> str:
        f = self.findings
        worst = f.duplicates.most_common(1)
        return f"{f.again:,}" + (f"; most in one fault: {worst[0][1]} ({worst[0][0]})" if worst else "")

    def _late(self) -> Iterator[str]:
        for number, i in enumerate(self.incidents, start=1):
            if self.patience is not None and i.recovered is not None and i.recovered > self.patience:
                yield f"{i.recovered:.1f} s after #{number} {i.name}"

    def _agreement(self) -> str:
        """Where the figures disagree with Kafka."""
        f, said = self.findings, self.figures
        wrong = [f"{name} {said[name]}" for name in ("pending", "held") if said[name]]
        if not f.distinct <= said["published"] <= f.records:
            wrong.append(f"published {said['published']:,}")
        if said["statistics"] != said["published"] and not f.given_up:
            wrong.append(f"published {said['published']:,}, by the statistics {said['statistics']:,}")
        return "; ".join(wrong)

    def details(self) -> Iterator[str]:
        yield from examples(self.findings, ("lost", "phantom", "disordered", "altered"))
        for line in self.wrongly_held[:SHOW]:
            yield f"     held: {line}"
