"""The one question that a relay asks for all its idle shards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from outbox.log.position import Snapshot
from relay.log.session import Session
from relay.log.stretches import MISSING

MOST = 200
"""How many events the answer lists. If there are more, every shard reads the log itself."""


@dataclass(frozen=True, slots=True)
class News:
    """What was committed since a snapshot: the ``buckets`` of its events, all of them unless there are
    ``many``.

    ``now`` and ``token`` are the snapshot and the incarnation that the question saw. ``due`` is whether the
    release of a hold is due.
    """

    now: Snapshot
    token: str
    buckets: list[int]
    due: bool

    @property
    def many(self) -> bool:
        """Whether the buckets may be only some."""
        return len(self.buckets) >= MOST

    def concerns(self, first: int, last: int) -> bool:
        """Whether there may be events of these buckets."""
        return self.many or any(first <= bucket <= last for bucket in self.buckets)


def ask(session: Session, idle: Iterable[Snapshot]) -> News:
    """What was committed since the oldest of these snapshots of one session; nothing without one."""
    since = min(idle, key=lambda snapshot: (snapshot.xmax, -len(snapshot.xip)), default=None)
    parameters = {
        "xmax": None if since is None else str(since.xmax),
        "xip": [] if since is None else [str(xid) for xid in since.xip],
        "most": MOST,
    }
    now, token, buckets, due = session.fetch("log/news", parameters)[0]
    return News(Snapshot.parse(now), token or MISSING, buckets, due)
