"""One page under way: what of it is acknowledged, what waits behind a hold, how far the position may move.
Pure bookkeeping.
"""

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
    """Rows that are settled, the position behind them, what was published of them, and ``(hold, row id)`` of
    those to held.
    """

    rows: Sequence[Row]
    position: Position
    carried: Tally
    held: Sequence[tuple[int, int]]


@dataclass(slots=True)
class InFlight:
    """A page, its records by row id, and what has become of them.

    ``limit`` is how many records the next wave may hold at most: None, or fewer and fewer while a record that
    the broker refuses for good is being isolated.
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
        """The rows to hand over next, in order: not acknowledged, not behind a hold."""
        rows = [
            row
            for row in self.page.rows[self.done :]
            if row.id not in self.acknowledged and self._hold(row) is None
        ]
        return rows[: self.limit]

    def note(self, wave: Sequence[Row], outcomes: Sequence[Outcome]) -> dict[str, tuple[Row, Failure]]:
        """Note the outcomes of a wave; the first failure of each topic, in order."""
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
        """Halve what failed. False when it is a single record already."""
        self.limit = max(1, sent // 2)
        return sent > 1

    def prefix(self) -> Prefix | None:
        """What comes next and needs no publisher any more."""
        rows = list(takewhile(self._settled, self.page.rows[self.done :]))
        if not rows:
            return None
        published = [row for row in rows if row.id in self.acknowledged]
        return Prefix(
            rows,
            position=self.page.position_after(self.done + len(rows)),
            carried=replace(tally(published), newest=max(row.created_at for row in rows)),
            held=[(hold, row.id) for row in rows if (hold := self._hold(row)) is not None],
        )

    def step_over(self, prefix: Prefix) -> None:
        """Its position is stored."""
        self.done += len(prefix.rows)
        self.acknowledged.difference_update(row.id for row in prefix.rows)

    def _hold(self, row: Row) -> int | None:
        return (
            self.scopes.hold_of(row) if self.scopes is not None and row.id not in self.acknowledged else None
        )

    def _settled(self, row: Row) -> bool:
        return row.id in self.acknowledged or self._hold(row) is not None


def tally(rows: Sequence[Row]) -> Tally:
    """What these rows carry, all of them acknowledged now."""
    return Tally(
        len(rows),
        sum(len(row.payload or b"") for row in rows),
        min((r.created_at for r in rows), default=None),
    )
