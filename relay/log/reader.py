"""Reading the log: the rows behind a position, page by page, in the order in which they must be published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from outbox.log.position import Position, Snapshot
from outbox.write.buckets import BUCKETS
from outbox_core.wire.encode import Row
from relay.cluster.lease import Lease
from relay.log.session import Session

POLL_FACTOR = 2
"""If more pages than this wait, in all shards together, a window is pinned."""
SCAN_FACTOR = 8
"""How many pages of rows, of all shards, one scan of a window may read."""
PIECE = 200_000
"""How many entries of the (xid, id) index one statement may read."""
NEVER = 2**63 - 1
"""Larger than any id."""
MISSING = ""
ROW_WIDTH = len(Row._fields)
Rows = Sequence[tuple[Any, ...]]
"""Rows of the log: tuples that begin like a ``Row``. Most of them are encoded, and nothing else."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of the log. ``end`` is the position once all of them are published.

    ``token`` is the incarnation that a poll saw, or ``MISSING`` if the database lost it. A window scan
    has no token: the checkpoint checks it. ``seen`` is the snapshot of a poll that found nothing: up to it
    there is nothing.
    """

    rows: Rows
    base: Position
    end: Position
    token: str | None = None
    seen: Snapshot | None = None

    def row(self, place: int) -> Row:
        """The row at a place, with names."""
        return Row._make(self.rows[place][:ROW_WIDTH])

    def each(self) -> Iterator[Row]:
        """All rows, one by one."""
        return map(self.row, range(len(self.rows)))

    @property
    def more(self) -> bool:
        """Whether the window continues behind this page."""
        return self.end.hi is not None

    def position_after(self, count: int) -> Position:
        """The position once the first ``count`` rows are published."""
        if count == len(self.rows):
            return self.end
        assert self.base.hi is not None, "rows come from a window"
        return self.base.pinned(self.base.hi, self.rows[count - 1][0])


@dataclass(frozen=True, slots=True)
class _Piece:
    """What was read: the first id of the window, the number of entries, and the last entry."""

    first: int | None
    count: int
    xid: str
    id: int


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of the (xid, id) index: behind ``(xid, id)``, up to but without ``until``."""

    xid: int
    id: int
    until: int

    def behind(self, piece: _Piece, hi: Snapshot, pos: int, smallest: int) -> _Span:
        """The rest behind a piece. If the transaction has no smaller id, it begins with the next
        transaction.
        """
        xid = int(piece.xid)
        if piece.id >= smallest or not hi.sees(xid):
            return _Span(xid + 1, pos, self.until)
        return _Span(xid, max(piece.id, pos), self.until)


class Log:
    """The log of one shard's buckets.

    ``poll`` reads small backlogs. If more than a page is waiting, or many events of other shards, the window
    between the position and now is pinned and read along the primary key, which costs the same at any size.
    ``tick`` is called regularly meanwhile.
    """

    def __init__(
        self, session: Session, lease: Lease, *, rows: int, size: int, tick: Callable[[], None]
    ) -> None:
        self._session = session
        self._range = {"first": lease.first, "last": lease.last, "rows": rows, "bytes": size}
        self._owns_all = lease.last - lease.first + 1 == BUCKETS
        self._poll_limit = rows * POLL_FACTOR
        self._rows = rows
        self._tick = tick

    def read(self, position: Position, rows: int | None = None) -> Page:
        """The next page behind ``position``; without rows if there is nothing new. Of a window, it has at
        most ``rows``.
        """
        if position.hi is None:
            return self._poll(position)
        return self._scan_window(position, position.hi, rows or self._rows)

    def _poll(self, position: Position) -> Page:
        parameters = {**self._range, "most": self._poll_limit, **_open_end(position.lo)}
        fetched = self._session.fetch("log/poll", parameters)
        hi, token, partial, found = fetched[0][ROW_WIDTH:]
        token, rows = token or MISSING, _rows(fetched)
        if not rows and not partial:
            return Page([], position, position, token, Snapshot.parse(hi))
        now = Snapshot.parse(hi)
        if partial or found > self._rows:
            return Page([], position, self._pin(position, now), token)
        end = Position(now) if found == len(rows) else position.pinned(now, rows[-1][0])
        return Page(rows, position.pinned(now, 0), end, token)

    def _pin(self, position: Position, hi: Snapshot) -> Position:
        first = self._first(position, hi, 0)
        return Position(hi) if first is None else position.pinned(hi, first - 1)

    def _scan_window(self, position: Position, hi: Snapshot, most: int) -> Page:
        parameters = {"lo": str(position.lo), "hi": str(hi), "pos": position.pos, "scan": self._scan}
        scan = "log/scan_whole_window" if self._owns_all else "log/scan_window"
        fetched = self._session.fetch(scan, {**self._range, **parameters, "rows": most})
        found, scanned, edge, others = fetched[0][ROW_WIDTH:]
        rows = _rows(fetched)
        if not rows and others:  # the window continues here with events of other shards: this is not a gap
            return Page([], position, position.pinned(hi, edge))
        return Page(rows, position, self._behind(position, rows, found, scanned, edge))

    def _behind(
        self, position: Position, rows: Rows, found: int, scanned: int | None, edge: int | None
    ) -> Position:
        """Where the scan continues: behind the page, behind rows of others, or at the end of the window."""
        assert position.hi is not None
        if len(rows) < found or scanned is None:
            return position.pinned(position.hi, rows[-1][0])
        if scanned < self._scan or edge is None:
            return Position(position.hi)
        if rows:
            return position.pinned(position.hi, edge)
        first = self._first(position, position.hi, edge)
        return Position(position.hi) if first is None else position.pinned(position.hi, first - 1)

    def _first(self, position: Position, hi: Snapshot, pos: int) -> int | None:
        """The smallest id of the window behind ``pos``, from the (xid, id) index in bounded pieces."""
        spans = _spans(position.lo, hi, pos)
        smallest = NEVER
        while spans:
            size = max(PIECE // len(spans), 1)
            pieces = self._pieces(spans, hi, pos, size)
            smallest = min(smallest, *(piece.first or NEVER for piece in pieces))
            full = [(span, piece) for span, piece in zip(spans, pieces, strict=True) if piece.count == size]
            rests = [span.behind(piece, hi, pos, smallest) for span, piece in full]
            spans = [rest for rest in rests if rest.xid < rest.until]
            self._tick()
        return None if smallest == NEVER else smallest

    def _pieces(self, spans: list[_Span], hi: Snapshot, pos: int, size: int) -> list[_Piece]:
        parameters = {
            "xids": [str(span.xid) for span in spans],
            "ids": [span.id for span in spans],
            "untils": [str(span.until) for span in spans],
            "hi": str(hi),
            "pos": pos,
            "piece": size,
        }
        return [
            _Piece(*row) for row in self._session.fetch("log/window_start", {**self._range, **parameters})
        ]

    @property
    def _scan(self) -> int:
        return self._rows * SCAN_FACTOR


def _open_end(lo: Snapshot) -> dict[str, Any]:
    return {"xmax": str(lo.xmax), "xip": [str(xid) for xid in lo.xip]}


def _spans(lo: Snapshot, hi: Snapshot, pos: int) -> list[_Span]:
    """The transactions of a window: those listed in ``lo.xip`` and those from ``lo.xmax`` on."""
    named = [_Span(xid, pos, xid + 1) for xid in lo.xip if hi.sees(xid)]
    return [*named, _Span(lo.xmax, pos, hi.xmax)]


def _rows(fetched: Rows) -> Rows:
    """Without rows, the statement returns one of NULLs, with the facts behind it."""
    return [] if fetched[0][0] is None else fetched
