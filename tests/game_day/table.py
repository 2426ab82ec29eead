"""When and where each incident was seen, for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from outbox_core.operations.report import State
from tests.game_day.incidents import Incident

HEAD = (
    "| Incident | Seen after | Command | Sentence | Alert | Log action | Runbook | Well again after |\n"
    + ("| --- " * 8 + "|\n")
)


class Seen(NamedTuple):
    """Seconds from the cause to the status, and from its end until all was well."""

    incident: Incident
    text: str
    after: float
    healed: float

    @property
    def row(self) -> str:
        of = self.incident.sign
        where = f"{of.side}_status{' and its page' if of.on_page else ''}"
        cells = [
            self.incident.name,
            f"{self.after:.1f} s",
            f"{where}: {of.state}, exit code {State(of.state).exit_code:d}",
            self.text,
            of.alert,
            of.action or "-",
            of.runbook,
            f"{self.healed:.1f} s",
        ]
        return f"| {' | '.join(cells)} |\n"


class Table:
    def __init__(self) -> None:
        self._seen: list[Seen] = []

    def add(self, seen: Seen) -> None:
        self._seen.append(seen)

    def store(self, file: str) -> None:
        """Print it and write it to this file; nothing if it has no name."""
        if file:
            text = "".join(self._lines())
            Path(file).write_text(text, encoding="utf-8")
            print(f"\n{text}")

    def _lines(self) -> Iterator[str]:
        yield HEAD
        yield from (seen.row for seen in self._seen)
