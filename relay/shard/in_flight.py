"""One page in flight: what is acknowledged, what waits behind a hold, how far the position may move. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from outbox.log.position import Position
from outbox_core.wire.encode import Record, Row
from relay.holds.table import Scopes
from relay.log.checkpoint import Tally
from relay.log.reader import Page
from relay.publishers.base import Failure, Outcome


@dataclass(frozen=True, slots=True)
class Prefix:
    """Rows that are acknowledged or held, the position behind them, what was published, and ``(hold, row
    id)`` of held rows.
    """

    rows: Sequence[Row]
    position: Position
    carried: Tally
    held: Sequence[tuple[int, int]]


@dataclass(slots=True)
class InFlight:
    """A page, its records by row id, and their state. ``acknowledged`` are ids of rows that are not stepped
    over yet. ``limit`` is how many records the next wave may have: None, or fewer and fewer while a refused
    record is being isolated.
    """

    page: Page
    records: Mapping[int, Record]
    scopes: Scopes | None = None
    done: int = 0
    limit: int | None = None
    acknowledged: set[int] = field(default_factory=set)

    @property
    def finished(self) -> bool:
        return self.done == len(self.page.rows)

    def wave(self) -> list[Row]:
        """The next rows to hand over, in order: not acknowledged and not held."""
        rows = self.page.rows[self.done :]
        if self.acknowledged or self.scopes:
            rows = [row for row in rows if row.id not in self.acknowledged and self._hold(row) is None]
        return rows[: self.limit]

    def note(self, wave: Sequence[Row], outcomes: Sequence[Outcome]) -> dict[str, tuple[Row, Failure]]:
        """Store the outcomes of a wave. Returns the first failure of each topic, in order."""
        failures: dict[str, tuple[Row, Failure]] = {}
        for row, outcome in zip(wave, outcomes, strict=False):
            if outcome is None:
                self.acknowledged.add(row.id)
            else:
                failures.setdefault(row.topic, (row, outcome))
        if outcomes and not failures and self.limit is not None:
            self.limit = self.limit * 2 if self.limit < len(self.page.rows) else None
        return failures

    def isolate(self, sent: int) -> bool:
        """Halve the next wave. False if it is already a single record."""
        self.limit = max(1, sent // 2)
        return sent > 1

    def prefix(self) -> Prefix | None:
        """The next rows that are acknowledged or held."""
        rows = self.page.rows[self.done :]
        if self.scopes or len(self.acknowledged) < len(rows):
            rows = list(takewhile(self._settled, rows))
        if not rows:
            return None
        published = [row for row in rows if row.id in self.acknowledged] if self.scopes else rows
        return Prefix(
            rows,
            position=self.page.position_after(self.done + len(rows)),
            carried=replace(tally(published), newest=max([row.created_at for row in rows])),
            held=[(hold, row.id) for row in rows if (hold := self._hold(row)) is not None]
            if self.scopes
            else [],
        )

    def step_over(self, prefix: Prefix) -> None:
        """Their position is stored."""
        self.done += len(prefix.rows)
        self.acknowledged.difference_update(row.id for row in prefix.rows)

    def _hold(self, row: Row) -> int | None:
        return self.scopes.hold_of(row) if self.scopes and row.id not in self.acknowledged else None

    def _settled(self, row: Row) -> bool:
        return row.id in self.acknowledged or self._hold(row) is not None


def tally(rows: Sequence[Row]) -> Tally:
    """The tally of these rows, all of them acknowledged."""
    return Tally(
        len(rows),
        sum([len(row.payload or b"") for row in rows]),
        min([row.created_at for row in rows], default=None),
    )
