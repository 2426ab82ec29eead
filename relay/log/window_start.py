"""Where the rows of a window begin, by the (xid, id) index: beyond a gap, the primary key is not walked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from outbox.log.position import Snapshot
from relay.log.session import Session

PIECE = 200_000
"""How many entries of the (xid, id) index one statement may read."""
NEVER = 2**63 - 1
"""Larger than any id."""


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


class WindowStart:
    """Finds first ids. ``tick`` is called regularly meanwhile."""

    def __init__(self, session: Session, tick: Callable[[], None]) -> None:
        self._session = session
        self._tick = tick

    def find(self, buckets: range, lo: Snapshot, hi: Snapshot, pos: int) -> int | None:
        """The smallest id behind ``pos`` of these buckets that is visible in ``hi`` and not in ``lo``, from
        the index in bounded pieces.
        """
        spans = _spans(lo, hi, pos)
        smallest = NEVER
        while spans:
            size = max(PIECE // len(spans), 1)
            pieces = self._pieces(buckets, spans, hi, pos, size)
            smallest = min(smallest, *(piece.first or NEVER for piece in pieces))
            full = [(span, piece) for span, piece in zip(spans, pieces, strict=True) if piece.count == size]
            rests = [span.behind(piece, hi, pos, smallest) for span, piece in full]
            spans = [rest for rest in rests if rest.xid < rest.until]
            self._tick()
        return None if smallest == NEVER else smallest

    def _pieces(self, buckets: range, spans: list[_Span], hi: Snapshot, pos: int, size: int) -> list[_Piece]:
        parameters = {
            "first": buckets.start,
            "last": buckets.stop - 1,
            "xids": [str(span.xid) for span in spans],
            "ids": [span.id for span in spans],
            "untils": [str(span.until) for span in spans],
            "hi": str(hi),
            "pos": pos,
            "piece": size,
        }
        return [_Piece(*row) for row in self._session.fetch("log/window_start", parameters)]


def _spans(lo: Snapshot, hi: Snapshot, pos: int) -> list[_Span]:
    """The transactions of a window: those listed in ``lo.xip`` and those from ``lo.xmax`` on."""
    named = [_Span(xid, pos, xid + 1) for xid in lo.xip if hi.sees(xid)]
    return [*named, _Span(lo.xmax, pos, hi.xmax)]
