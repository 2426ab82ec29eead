"""Snapshot arithmetic: what a position covers. Pure."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A ``pg_snapshot``: everything below ``xmax`` was complete, except what is in ``xip`` (PostgreSQL docs,
    9.27.9).
    """

    xmin: int
    xmax: int
    xip: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """From PostgreSQL's text form, ``xmin:xmax:xip,xip,…``."""
        xmin, xmax, xip = text.split(":")
        return cls(int(xmin), int(xmax), tuple(int(xid) for xid in xip.split(",") if xid))

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, self.xip))}"

    def sees(self, xid: int) -> bool:
        """Whether the transaction was complete when the snapshot was taken."""
        if xid < self.xmin or xid >= self.xmax:
            return xid < self.xmin
        at = bisect_left(self.xip, xid)
        return at == len(self.xip) or self.xip[at] != xid

    def within(self, other: Snapshot) -> bool:
        """Whether ``other`` sees whatever this one sees. Of two snapshots of one history, one is within the
        other.
        """
        return self.xmax <= other.xmax and not any(self.sees(xid) for xid in other.xip)


NOTHING = Snapshot(1, 1)


@dataclass(frozen=True, slots=True)
class Position:
    """How far a shard is published: everything visible in ``lo``.

    While a window is pinned, everything that is visible in ``hi`` and has an id up to ``pos`` is published as
    well.
    """

    lo: Snapshot = NOTHING
    hi: Snapshot | None = None
    pos: int | None = None

    def covers(self, xid: int, row_id: int) -> bool:
        """Whether a row of that transaction with that id is published."""
        if self.lo.sees(xid):
            return True
        return self.hi is not None and self.pos is not None and row_id <= self.pos and self.hi.sees(xid)

    def pinned(self, hi: Snapshot, pos: int) -> Position:
        """Within the window up to ``hi``, behind the row ``pos``."""
        return replace(self, hi=hi, pos=pos)
