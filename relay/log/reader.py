"""Reading the log: the rows behind a position, page by page, in the order in which they must be published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from outbox.log.position import Position, Snapshot
from outbox.write.buckets import BUCKETS
from outbox_core.wire.encode import Row
from relay.cluster.lease import Lease
from relay.log.link import Link
from relay.log.session import Session
from relay.log.stretches import MISSING, Poll, Stretches, begun, open_end

POLL_FACTOR = 2
"""If more pages than this wait, in all shards together, a window is pinned."""
SCAN_FACTOR = 8
"""How many pages of rows one scan of a window may read."""
ROW_WIDTH = len(Row._fields)
Rows = Sequence[tuple[Any, ...]]
"""Rows of the log: tuples that begin like a ``Row``. Most of them are encoded, and nothing else."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of the log. ``end`` is the position once all of them are published.

    ``token`` is the incarnation in which it was read, or ``MISSING`` if the database lost it. A window scan
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


class Log:
    """The log of one shard's buckets.

    ``poll`` reads small backlogs. If more than a page is waiting, or many events of other shards, the window
    between the position and now is pinned and read along the primary key, which costs the same at any size.
    The owner of all buckets reads its rows there. Other shards share ``stretches`` of ids, and read the rows
    that these name.
    """

    def __init__(
        self, session: Session, lease: Lease, stretches: Stretches, link: Link, *, rows: int, size: int
    ) -> None:
        self._session = session
        self._buckets = range(lease.first, lease.last + 1)
        self._range = {"first": lease.first, "last": lease.last}
        self._link = link
        self._size = size
        self._owns_all = len(self._buckets) == BUCKETS
        self._poll_limit = rows * POLL_FACTOR
        self._rows = rows
        self._last: Poll | None = None
        self._stretches = stretches
        stretches.serve(self._buckets)

    def read(self, position: Position, rows: int | None = None) -> Page:
        """The next page behind ``position``; without rows if there is nothing new. Of a window, it has at
        most ``rows``.
        """
        most = self._link.rows(rows or self._rows)
        return self._link.carry(lambda: self._read(position, most), lambda page: page.rows)

    def _read(self, position: Position, most: int) -> Page:
        if position.hi is None:
            if self._owns_all:
                return self._poll(position, most)
            return self._join(position) or self._share(position, most)
        read = self._scan_window if self._owns_all else self._read_stretch
        page = read(position, position.hi, most)
        if not page.more:
            self._stretches.passed(position.hi)
        return page

    def _join(self, position: Position) -> Page | None:
        """Begin the window that another shard of this relay has pinned, without a poll."""
        joined = self._stretches.join(position, self._buckets)
        return joined and Page([], position, *joined)

    def _share(self, position: Position, most: int) -> Page:
        """The rows that a poll for all shards of this relay has found."""
        poll = self._stretches.poll(position, self._buckets, self._poll_limit, self._last)
        self._last = poll
        hi = poll.stretch.hi
        if poll.partial:
            return Page([], position, self._stretches.pin(position, hi, poll.token), poll.token)
        base, nothing = position.pinned(hi, 0), Page([], position, position, poll.token, hi)
        ids, end = poll.stretch.behind(base, self._buckets)
        page = self._named(base, ids, end, most) if ids else nothing
        if page.token != poll.token:
            return replace(page, token=MISSING)
        return page if page.rows or page.more else nothing

    def _poll(self, position: Position, most: int) -> Page:
        limits = {"most": self._poll_limit, "rows": most, "bytes": self._bytes}
        parameters = {**self._range, **limits, **open_end(position.lo)}
        fetched = self._session.fetch("log/poll", parameters)
        hi, token, partial, found = fetched[0][ROW_WIDTH:]
        token, rows = token or MISSING, _rows(fetched)
        if not rows and not partial:
            return Page([], position, position, token, Snapshot.parse(hi))
        now = Snapshot.parse(hi)
        if partial or found > most:
            return Page([], position, self._stretches.pin(position, now, token), token)
        end = Position(now) if found == len(rows) else position.pinned(now, rows[-1][0])
        return Page(rows, position.pinned(now, 0), end, token)

    def _read_stretch(self, position: Position, hi: Snapshot, most: int) -> Page:
        """A page from two stretches if need be, so that it does not end where a stretch ends."""
        ids, end = self._stretches.behind(position, self._buckets)
        if len(ids) < most and end.hi is not None:
            others, end = self._stretches.behind(end, self._buckets)
            ids += others
        return self._named(position, ids, end, most) if ids else Page([], position, end)

    def _named(self, base: Position, ids: list[int], end: Position, most: int) -> Page:
        """The first of the rows with these ids, behind which comes ``end``."""
        hi = base.hi
        assert hi is not None, "ids are those of a window"
        if len(ids) > most:
            ids, end = ids[:most], base.pinned(hi, ids[most - 1])
        array = f"{{{','.join(map(str, ids))}}}"  # psycopg takes five times as long to make it of a list
        parameters = {"lo": str(base.lo), "hi": str(hi), "ids": array}
        limits = {**self._range, "bytes": self._bytes}
        fetched = self._session.fetch("log/rows_of_stretch", {**limits, **parameters})
        rows, (beyond, token) = _rows(fetched), fetched[0][ROW_WIDTH:]
        end = end if beyond is None else base.pinned(hi, rows[-1][0])
        return Page(rows, base, end, token or MISSING)

    def _scan_window(self, position: Position, hi: Snapshot, most: int) -> Page:
        scan = self._rows * SCAN_FACTOR
        parameters = {"lo": str(position.lo), "hi": str(hi), "pos": position.pos, "scan": scan}
        limits = {**self._range, "rows": most, "bytes": self._bytes}
        fetched = self._session.fetch("log/scan_window", {**limits, **parameters})
        found, scanned, edge = fetched[0][ROW_WIDTH:]
        rows = _rows(fetched)
        if len(rows) < found or scanned is None:
            end = position.pinned(hi, rows[-1][0])
        elif scanned < scan:
            end = Position(hi)
        else:
            end = position.pinned(hi, edge) if rows else self._beyond_gap(position, hi, edge)
        return Page(rows, position, end)

    @property
    def _bytes(self) -> int:
        return self._link.bytes(self._size)

    def _beyond_gap(self, position: Position, hi: Snapshot, edge: int) -> Position:
        first = self._stretches.start.find(self._buckets, position.lo, hi, edge)
        return begun(position, hi, first)


def _rows(fetched: Rows) -> Rows:
    """Without rows, the statement returns one of NULLs, with the facts behind it."""
    return [] if fetched[0][0] is None else fetched
