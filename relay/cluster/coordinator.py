"""The relays of one outbox share its shards fairly: each writes a heartbeat and takes or gives up shards."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil, inf
from uuid import UUID

from outbox.write.buckets import BUCKETS
from outbox_core.process.clock import boottime
from relay.cluster.lease import Lease
from relay.log.session import Session

STANDBY_POLL_SECONDS = 0.25
OWNER_POLL_SECONDS = 1.0
"""How often a relay with and without shards reads the state of the cluster."""


class Coordinator:
    """Coordinates this relay with the others through the tables outbox_relay and outbox_shard."""

    def __init__(self, session: Session, identity: UUID, host: str, pid: int, ttl: float) -> None:
        self._session = session
        self._identity = identity
        self._process = {"id": str(identity), "host": host, "pid": pid}
        self._ttl = ttl
        self.shards = self.others = 0
        """The number of shards and of other healthy relays, when last read."""
        self.operations = False
        """Whether an operation was to be carried out by this relay, when last read."""
        self._beat_at = 0.0
        self._poll_at = 0.0
        self._awaits_end = False

    def beat(self, state: str, detail: str, *, now: bool = False) -> None:
        """Write the heartbeat, three times within a lease: it shows that this relay is alive."""
        if now or boottime() >= self._beat_at:
            self._session.run("cluster/heartbeat", {**self._process, "state": state, "detail": detail})
            self._beat_at = boottime() + self._ttl / 3

    def balance(self, owned: Collection[int]) -> tuple[Lease | None, bool]:
        """The shard that was taken over, if this relay had less than its share, and whether it has more than
        its share and should give one up.
        """
        if boottime() < self._poll_at:
            return None, False
        free, until_end = self._cluster_state(owned)
        share, lease = ceil(self.shards / (1 + self.others)), None
        if free and len(owned) < share:
            lease = Lease.acquire(self._session, self._identity, self._ttl, owned)
        patience = self._patience(len(owned), lease)
        self._awaits_end = until_end is not None and until_end < patience
        self._poll_at = boottime() + (patience if until_end is None else min(patience, until_end))
        return lease, len(owned) > share

    @property
    def due_in(self) -> float:
        """The seconds until another relay's lease ends unless it is renewed, if ``balance`` waits
        for that.
        """
        return max(0.0, self._poll_at - boottime()) if self._awaits_end else inf

    def is_needed(self) -> bool:
        """Whether a shard has no owner and no healthy relay is there to take it."""
        if boottime() < self._poll_at:
            return False
        free, _ = self._cluster_state(())
        self._poll_at = 0.0 if free and not self.others else boottime() + STANDBY_POLL_SECONDS
        return not self._poll_at

    def _cluster_state(self, owned: Collection[int]) -> tuple[int, float | None]:
        """How many shards are free, and in how many seconds more may be."""
        parameters = {"owner": str(self._identity), "owned": list(owned), "ttl": self._ttl}
        row = self._session.fetch("cluster/cluster_state", parameters)[0]
        free, self.shards, self.others, until_end, self.operations = row
        if not self.shards:
            self._session.run("cluster/seed", {"last": BUCKETS - 1})
            return self._cluster_state(owned)
        return free, until_end

    def balance_soon(self) -> None:
        """Read the cluster state at the next call of ``balance``."""
        self._poll_at = 0.0

    def _patience(self, owned: int, lease: Lease | None) -> float:
        if lease is not None:
            return 0.0
        return OWNER_POLL_SECONDS if owned else STANDBY_POLL_SECONDS

    def leave(self) -> None:
        """Remove this relay from the table, so that others see at once that it ended."""
        self._session.run("cluster/deregister", {"id": str(self._identity)})
