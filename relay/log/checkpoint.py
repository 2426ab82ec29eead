"""The position of a shard. It moves only by an INSERT that the lease and the incarnation must allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from outbox.log.history import refusal
from outbox.log.position import Position, Snapshot
from outbox_core.process.clock import boottime
from relay import signals
from relay.cluster.lease import Lease
from relay.errors import Fenced, HoldReleased, LeaseLost
from relay.log.session import Session


@dataclass(frozen=True, slots=True)
class Tally:
    """What one wave carried: acknowledged events, their payload bytes, the time of the oldest (RFC 3339), and
    the newest that the position covers.
    """

    events: int = 0
    bytes: int = 0
    oldest: str | None = None
    newest: str | None = None


class Checkpoints:
    """The position of one leased shard, as last loaded or stored. A new object is made whenever the stored
    position may have changed.
    """

    def __init__(self, session: Session, lease: Lease) -> None:
        self._session = session
        self._lease = lease
        self._seq = 0
        self.reload()

    def reload(self) -> None:
        """Read the position from the database: after a crash only the database knows it.

        Raises:
            PositionNotOfThisHistory: the database was restored or replaced since the position was stored.
        """
        rows = self._session.fetch("log/load", {"shard": self._lease.shard})
        if not rows:
            raise LeaseLost(f"Shard {self._lease.shard} does not exist any more.")
        lo, hi, pos, published, stored_at, proven, token = rows[0]
        if not proven:
            raise refusal(self._lease.shard)
        self.position = Position()
        if lo is not None:
            self.position = Position(Snapshot.parse(lo), Snapshot.parse(hi) if hi else None, pos)
        self.published: int = published
        self._first = lo is None
        self._stored_at: str | None = stored_at
        self.token: str = token or self._incarnate()

    def _incarnate(self) -> str:
        rows = self._session.fetch("log/incarnate", {"token": str(uuid4())})
        return (
            str(rows[0][0])
            if rows
            else str(self._session.fetch("log/load", {"shard": self._lease.shard})[0][6])
        )

    def confirm(self) -> None:
        """Store the position unchanged, so that a database that cannot write is noticed before a wave is
        sent. The first position of a shard is stored twice, because two transactions prove where it was
        stored. Raises as ``move`` does.
        """
        for _ in range(2 if self._first else 1):
            self.move(self.position, Tally())

    def roll_up(self, keep: float, *, most: int = 5_000) -> bool:
        """Turn checkpoints older than ``keep`` seconds into statistics, at most ``most`` at once. Returns
        whether there may be more.
        """
        parameters = {**self._lease.fence, "keep": keep, "most": most}
        return bool(self._session.fetch("log/rollup", parameters)[0][0] == most)

    def move(
        self,
        position: Position,
        tally: Tally,
        *,
        held: Sequence[tuple[int, int]] = (),
        released: Sequence[int] = (),
    ) -> None:
        """Store a position together with new held events ``(hold, event)`` and released events.

        Raises:
            Fenced: nothing was stored.
            HoldReleased: the same, but the lease is still valid.
        """
        self._seq += 1
        began = boottime()
        stored_at = self._store(
            {
                **self._row(position, tally),
                "holds": [hold for hold, _ in held],
                "events_held": [event for _, event in held],
                "released": list(released),
            }
        )
        self.position, self._stored_at = position, stored_at
        self.published += tally.events
        if tally.events or held:
            signals.wave_published.send(
                type(self),
                lease=self._lease,
                tally=tally,
                held=len(held),
                stored_at=stored_at,
                seconds=boottime() - began,
            )

    def _store(self, parameters: Mapping[str, object]) -> str:
        """Returns when it was stored. Raises as ``move`` does."""
        stored, stored_at, ours = self._session.fetch("log/checkpoint", parameters)[0]
        if stored:
            return str(stored_at)
        if ours:
            raise HoldReleased
        raise Fenced(
            f"The checkpoint of shard {self._lease.shard}, epoch {self._lease.epoch}, was "
            "refused: another relay owns the shard, or the database restarted after a crash."
        )

    def _row(self, position: Position, tally: Tally) -> dict[str, object]:
        """The parameters of a checkpoint and of its conditions."""
        return {
            **self._lease.fence,
            "token": self.token,
            "seq": self._seq,
            "lo": str(position.lo),
            "hi": str(position.hi) if position.hi else None,
            "pos": position.pos,
            "published": self.published + tally.events,
            "events": tally.events,
            "bytes": tally.bytes,
            "oldest": tally.oldest,
            "newest": tally.newest,
            "before": self._stored_at,
        }
