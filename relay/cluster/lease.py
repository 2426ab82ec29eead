"""Leases: a relay owns a shard until its lease ends. The database's clock decides; a local deadline is always
earlier.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from outbox.models import Ledger
from outbox_core.operations.deeds import Deed
from outbox_core.process.clock import boottime
from relay.log.session import Session


@dataclass(slots=True)
class Lease:
    """The right to publish a shard's events until ``deadline``: seconds of ``boottime``, always earlier than
    the end that the database knows.

    The next owner of the shard has a larger ``epoch``, which blocks checkpoints of this lease.
    """

    owner: UUID
    shard: int
    first: int
    last: int
    epoch: int
    ttl: float
    deadline: float
    renew_at: float

    @classmethod
    def acquire(cls, session: Session, owner: UUID, ttl: float, owned: Collection[int] = ()) -> Lease | None:
        """Take over a shard without an owner, if there is one. ``owned`` are the shards that this relay
        already owns.
        """
        now = boottime()
        parameters = {"owner": str(owner), "ttl": ttl, "owned": list(owned)}
        rows = session.act("cluster/acquire", parameters, _taken_over)
        if not rows:
            return None
        shard, first, last, epoch, _ = rows[0]
        return cls(owner, shard, first, last, epoch, ttl, now + ttl, now + ttl / 3)

    @property
    def fence(self) -> dict[str, object]:
        """What identifies this lease in a statement."""
        return {"shard": self.shard, "owner": str(self.owner), "epoch": self.epoch}

    @property
    def remaining(self) -> float:
        """Seconds for which no other relay can own the shard."""
        return self.deadline - boottime()

    def release(self, session: Session) -> None:
        """Give up the shard, so that another relay can take it at once."""
        session.run("cluster/step_down", self.fence)
        self.deadline = 0.0


def _taken_over(shard: int, first: int, last: int, epoch: int, before: str) -> Deed:
    return Deed(
        verb=Ledger.Verb.TAKE_OVER,
        scope=f"shard {shard}",
        group="several shards",
        common={},
        own={"shard": shard},
        before=before,
    )


def renew(session: Session, leases: Sequence[Lease]) -> list[Lease]:
    """Extend leases of one relay. Returns those that are lost, or whose shard has other buckets now."""
    now, ttl = boottime(), leases[0].ttl
    parameters = {
        "owner": str(leases[0].owner),
        "ttl": ttl,
        "shards": [lease.shard for lease in leases],
        "epochs": [lease.epoch for lease in leases],
    }
    renewed = {tuple(row) for row in session.fetch("cluster/renew", parameters)}
    lost = []
    for lease in leases:
        if (lease.shard, lease.first, lease.last) in renewed:
            lease.deadline, lease.renew_at = now + ttl, now + ttl / 3
        else:
            lost.append(lease)
    return lost
