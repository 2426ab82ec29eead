"""One page in flight: what is acknowledged, what waits behind a hold, how far the position may move. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from outbox.log.position import Position
from outbox_core.wire.encode import Record, Records, Row
from relay.holds.table import Scopes
from relay.log.checkpoint import Tally
from relay.log.reader import Page, Rows
from relay.publishers.base import Failure, Outcome

_PAYLOAD, _CREATED_AT = Row._fields.index("payload"), Row._fields.index("created_at")


@dataclass(frozen=True, slots=True)
class Prefix:
    """So many ``rows`` that are acknowledged or held, the position behind them, what was published, and
    ``(hold, row id)`` of held rows.
    """

    rows: int
    position: Position
    carried: Tally
    held: Sequence[tuple[int, int]]


@dataclass(slots=True)
class InFlight:
    """A page, the records of its rows, and their state. Rows go by their places in the page. ``acknowledged``
    are those that are not stepped over yet. ``limit`` is how many records the next wave may have: None, or
    fewer and fewer while a refused record is being isolated.
    """

    page: Page
    records: Records
    scopes: Scopes | None = None
    done: int = 0
    limit: int | None = None
    acknowledged: set[int] = field(default_factory=set)

    @property
    def finished(self) -> bool:
        return self.done == len(self.page.rows)

    def wave(self) -> Sequence[int]:
        """The next rows to hand over, in order: not acknowledged and not held."""
        places: Sequence[int] = range(self.done, len(self.page.rows))
        if self.acknowledged or self.scopes:
            places = [at for at in places if at not in self.acknowledged and self._hold(at) is None]
        return places[: self.limit]

    def records_of(self, wave: Sequence[int]) -> Sequence[Record]:
        """The records of these rows. All of them are one object, which knows its size."""
        if len(wave) == len(self.records):
            return self.records
        return [self.records[at] for at in wave]

    def note(self, wave: Sequence[int], outcomes: Sequence[Outcome]) -> dict[str, tuple[Row, Failure]]:
        """Store the outcomes of a wave. Returns the first failure of each topic, in order."""
        failures: dict[str, tuple[Row, Failure]] = {}
        if not any(outcomes):
            self.acknowledged.update(wave[: len(outcomes)])
        else:
            for at, outcome in zip(wave, outcomes, strict=False):
                if outcome is None:
                    self.acknowledged.add(at)
                else:
                    failures.setdefault(self.records[at].topic, (self.page.row(at), outcome))
        if outcomes and not failures and self.limit is not None:
            self.limit = self.limit * 2 if self.limit < len(self.page.rows) else None
        return failures

    def isolate(self, sent: int) -> bool:
        """Halve the next wave. False if it is already a single record."""
        self.limit = max(1, sent // 2)
        return sent > 1

    def prefix(self) -> Prefix | None:
        """The next rows that are acknowledged or held."""
        places: Sequence[int] = range(self.done, len(self.page.rows))
        if self.scopes or len(self.acknowledged) < len(places):
            places = list(takewhile(self._settled, places))
        if not places:
            return None
        rows = self.page.rows[self.done : self.done + len(places)]
        held = {at: hold for at in places if (hold := self._hold(at)) is not None} if self.scopes else {}
        published = [self.page.rows[at] for at in places if at not in held] if held else rows
        return Prefix(
            len(rows),
            position=self.page.position_after(self.done + len(rows)),
            carried=replace(tally(published), newest=max([row[_CREATED_AT] for row in rows])),
            held=[(hold, self.page.rows[at][0]) for at, hold in held.items()],
        )

    def step_over(self, prefix: Prefix) -> None:
        """Their position is stored."""
        self.acknowledged.difference_update(range(self.done, self.done + prefix.rows))
        self.done += prefix.rows

    def _hold(self, place: int) -> int | None:
        if not self.scopes or place in self.acknowledged:
            return None
        return self.scopes.hold_of(self.page.row(place))

    def _settled(self, place: int) -> bool:
        return place in self.acknowledged or self._hold(place) is not None


def tally(rows: Rows) -> Tally:
    """The tally of these rows, all of them acknowledged."""
    return Tally(
        len(rows),
        sum([len(row[_PAYLOAD] or b"") for row in rows]),
        min([row[_CREATED_AT] for row in rows], default=None),
    )
