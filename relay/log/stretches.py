"""What the shards of a relay read of a backlog together: where its window begins, and which ids are whose."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from struct import unpack
from typing import Any

from outbox.log.position import Position, Snapshot
from outbox.write.buckets import BUCKETS
from relay.log.link import Link
from relay.log.session import Session
from relay.log.window_start import WindowStart

MISSING = ""
"""Instead of an incarnation token that the database has lost."""
LEAST_PAGES, MOST_PAGES = 8, 64
"""How many pages of rows, of all shards, one read of a stretch may scan: each shard should find a page."""
MOST_ROWS = 200_000
"""The same in rows, unless so many pages are more."""
ID_BYTES = 8
KEPT = 4
"""How many stretches are remembered. Shards that are not too far apart are all served by these."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window that a shard has pinned, and that other shards join. No row between ``lo`` and ``hi`` of these
    buckets has an id below ``first``; None: there is no row. ``token`` is the incarnation that saw ``hi``.
    """

    lo: Snapshot
    hi: Snapshot
    first: int | None
    token: str
    buckets: range


@dataclass(frozen=True, slots=True)
class Stretch:
    """The ``ids`` of a part of a window, packed by bucket: all that are behind ``start``, up to ``edge``;
    None: to the end of the window.
    """

    lo: Snapshot
    hi: Snapshot
    start: int
    edge: int | None
    buckets: range
    ids: Mapping[int, bytes]

    def serves(self, position: Position, buckets: range) -> bool:
        """Whether it has all ids of these buckets just behind a position. It has more than those if the
        position has a later ``lo``.
        """
        return (
            position.hi == self.hi
            and position.pos is not None
            and self.start <= position.pos
            and (self.edge is None or position.pos < self.edge)
            and _within(buckets, self.buckets)
            and self.lo.within(position.lo)
        )

    def behind(self, position: Position, buckets: range) -> tuple[list[int], Position]:
        """Its ids of these buckets behind a position, in order, and the position behind it."""
        assert position.pos is not None, "a stretch is part of a window"
        packed = [self.ids[bucket] for bucket in buckets if bucket in self.ids]
        ids = sorted(chain.from_iterable(unpack(f"!{len(each) // 8}q", each) for each in packed))
        end = Position(self.hi) if self.edge is None else position.pinned(self.hi, self.edge)
        return ids[bisect_right(ids, position.pos) :], end


@dataclass(frozen=True, slots=True)
class Poll:
    """The ids that were new, ``stretch``, or none of them if there were too many: then it is ``partial``.
    ``token`` is the incarnation that it saw.
    """

    stretch: Stretch
    token: str
    partial: bool

    def serves(self, position: Position, buckets: range) -> bool:
        """Whether it has all ids of these buckets behind a position, and is younger."""
        there = self.stretch
        return (
            _within(buckets, there.buckets)
            and there.lo.within(position.lo)
            and not there.hi.within(position.lo)
        )


class Stretches:
    """What is remembered for all shards of one relay in one session. It only says where to look: rows are
    read under the position of their own shard.
    """

    def __init__(self, session: Session, link: Link, tick: Callable[[], None], rows: int) -> None:
        self.start = WindowStart(session, tick)
        self._link = link
        self._session = session
        self._rows = rows
        self.forget()

    def forget(self) -> None:
        """The shards are lost."""
        self._window: Window | None = None
        self._open = False
        self._poll: Poll | None = None
        self._kept: list[Stretch] = []
        self._buckets = range(0)

    def turn(self) -> None:
        """All shards get a turn. What was polled before is too old: it may lack an event that is known."""
        self._poll = None

    def serve(self, buckets: range) -> None:
        """Read for these buckets, too, from now on."""
        mine = self._buckets or buckets
        self._buckets = range(min(mine.start, buckets.start), max(mine.stop, buckets.stop))

    def poll(self, position: Position, buckets: range, most: int, last: Poll | None) -> Poll:
        """What is new behind a position: what another shard has found, unless that is what this one has had
        ``last``.
        """
        found = self._poll
        if found is None or found is last or not found.serves(position, buckets):
            found = self._ask(position, most)
            self._poll = None if found.partial else found
        return found

    def _ask(self, position: Position, most: int) -> Poll:
        buckets = self._buckets
        own = {"first": buckets.start, "last": buckets.stop - 1, "most": most}
        fetched = self._session.fetch("log/poll_ids", {**own, **open_end(position.lo)})
        hi, token, partial, *_ = fetched[0]
        ids = {bucket: packed for *_, bucket, packed in fetched if packed}
        stretch = Stretch(position.lo, Snapshot.parse(hi), 0, None, buckets, ids)
        return Poll(stretch, token or MISSING, partial)

    def pin(self, position: Position, hi: Snapshot, token: str) -> Position:
        """The start of the window between a position and ``hi``. Other shards may join it."""
        first = self.start.find(self._buckets, position.lo, hi, 0)
        self._window, self._open = Window(position.lo, hi, first, token, self._buckets), True
        self._lowest = position.lo
        return begun(position, hi, first)

    def join(self, position: Position, buckets: range) -> tuple[Position, str] | None:
        """The start of the window that another shard has pinned, for a shard that has not been there, and the
        incarnation that saw it.
        """
        window = self._window
        if window is None or not self._open or not _within(buckets, window.buckets):
            return None
        if window.hi.within(position.lo) or not position.lo.within(window.hi):
            return None
        first = window.first
        if not window.lo.within(position.lo):
            earlier = self.start.find(buckets, position.lo, window.lo, 0)
            first = min((each for each in (earlier, first) if each is not None), default=None)
        if position.lo.within(self._lowest):
            self._lowest = position.lo
        return begun(position, window.hi, first), window.token

    def passed(self, hi: Snapshot) -> None:
        """A shard is at the end of this window: those that come now would be late, and pin another one."""
        if self._window is not None and self._window.hi == hi:
            self._open = False

    def behind(self, position: Position, buckets: range) -> tuple[list[int], Position]:
        """The ids of these buckets in the stretch behind a position, and the position behind that. The
        stretch is read unless another shard has read it.
        """
        found = next((each for each in self._kept if each.serves(position, buckets)), None)
        if found is None:
            found = self._read(position, self._scan(buckets))
        else:
            self._kept.remove(found)
        self._kept = [*self._kept[-KEPT + 1 :], found]
        return found.behind(position, buckets)

    def _scan(self, buckets: range) -> int:
        pages = min(BUCKETS // len(buckets), MOST_PAGES)
        scan = max(self._rows * LEAST_PAGES, min(self._rows * pages, MOST_ROWS))
        return max(self._rows, self._link.bytes(scan * ID_BYTES) // ID_BYTES)

    def _lower(self, lo: Snapshot, hi: Snapshot) -> Snapshot:
        """The lowest of those that share the window, so that all of them are served."""
        shared = self._window is not None and self._window.hi == hi and self._lowest.within(lo)
        return self._lowest if shared else lo

    def _read(self, position: Position, scan: int) -> Stretch:
        hi, pos = position.hi, position.pos
        assert hi is not None, "a stretch is part of a window"
        assert pos is not None, "a window has one"
        lo = self._lower(position.lo, hi)
        buckets = self._buckets
        parameters = {"lo": str(lo), "hi": str(hi), "pos": pos, "scan": scan}
        own = {"first": buckets.start, "last": buckets.stop - 1}
        fetched = self._session.fetch("log/stretch", {**parameters, **own})
        ids = {bucket: packed for bucket, _, _, packed, _ in fetched if packed}
        edge: int | None = None
        if sum(scanned for _, scanned, *_ in fetched) == scan:
            edge = max(last for _, _, last, *_ in fetched)
            if not ids and not any(others for *_, others in fetched):
                first = self.start.find(buckets, lo, hi, edge)
                edge = None if first is None else first - 1
        return Stretch(lo, hi, pos, edge, buckets, ids)


def open_end(lo: Snapshot) -> dict[str, Any]:
    """The parameters of a poll that say which transactions a snapshot does not see."""
    return {"xmax": str(lo.xmax), "xip": [str(xid) for xid in lo.xip]}


def begun(position: Position, hi: Snapshot, first: int | None) -> Position:
    return Position(hi) if first is None else position.pinned(hi, first - 1)


def _within(inner: range, outer: range) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop
