"""What exists only while a relay is connected to its database: the session, its place among the other
relays, and the shards that it owns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import psycopg

from outbox.errors import PositionNotOfThisHistory
from outbox_core.process.clock import boottime
from relay import signals
from relay.cluster.coordinator import Coordinator
from relay.cluster.lease import Lease, renew
from relay.context import Context
from relay.errors import LeaseLost, PublisherUnavailable
from relay.log.news import News
from relay.log.session import Session
from relay.log.stretches import Stretches
from relay.senders import Senders
from relay.shard.idle import wake
from relay.shard.overlapping import Overlapping
from relay.shard.owned import OwnedShard

RELEASE_EVERY_SECONDS = 0.5
ROLL_UP_EVERY_SECONDS = 30.0


class Connected:
    """A relay with a database. ``shards`` are those that it owns, by number."""

    def __init__(
        self, session: Session, coordinator: Coordinator, context: Context, senders: Senders
    ) -> None:
        self.session = session
        self.coordinator = coordinator
        self.shards: dict[int, OwnedShard] = {}
        self.more = False
        """Whether the last turn knows of more to do."""
        self._context = context
        self._senders = senders
        self._overlapping = Overlapping(senders, context)
        self._stretches = Stretches(session, context.link, context.tick, context.settings.page_rows)
        self._release_at = 0.0
        self._roll_up_at = boottime() + ROLL_UP_EVERY_SECONDS

    def turn(self) -> bool:
        """Take over or give up shards, then publish one page of each. Returns whether there was anything to
        do.

        Raises:
            LeaseLost: another relay may already own a shard.
            LogUnsafe: the log is not the one that writers write, or the position is not of its history.
            psycopg.Error: the database does not answer.
        """
        self.more = False
        busy = self._balance()
        self._stretches.turn()
        news = self._ask_for_news()
        due = [shard for shard in self.shards.values() if shard.idle_at is None]
        busy = self._overlapping.turn(due, go_on=not self._releases(news)) or busy
        released = news is not None and self._release(news)
        self.more = released or any(shard.more or shard.wave is not None for shard in self.shards.values())
        if boottime() >= self._roll_up_at:
            self._roll_up_at = boottime() + ROLL_UP_EVERY_SECONDS
            self.session.prove()
            for shard in self.shards.values():
                shard.roll_up()
        return busy or released

    def _ask_for_news(self) -> News | None:
        """Ask if a shard is idle, or if holds may be due."""
        shards = self.shards.values()
        if not shards or (not any(shard.idle_at for shard in shards) and boottime() < self._release_at):
            return None
        return wake(self.session, shards)

    def _releases(self, news: News | None) -> bool:
        """Whether this turn releases holds. A shard does that between two pages."""
        due = news is not None and (news.due or any(shard.is_releasing for shard in self.shards.values()))
        return due and boottime() >= self._release_at

    def _release(self, news: News) -> bool:
        """Release holds that are due, not all the time. Returns whether anything was done."""
        if boottime() < self._release_at:
            return False
        released = self._each(OwnedShard.release, lambda shard: news.due or shard.is_releasing)
        self._release_at = boottime() + (0 if released else RELEASE_EVERY_SECONDS)
        return released

    @property
    def trouble(self) -> str:
        """Why a shard cannot be published for now; empty if all can."""
        return next((shard.trouble for shard in self.shards.values() if shard.trouble), "")

    @property
    def owns_all(self) -> bool:
        return len(self.shards) == self.coordinator.shards

    def renew(self) -> None:
        """Renew all leases if one is due. Raises LeaseLost if one is lost: then all that are lost
        are over.
        """
        now = boottime()
        leases = [shard.lease for shard in self.shards.values() if shard.lease.deadline]
        if all(lease.renew_at > now for lease in leases):
            return
        lost = renew(self.session, leases)
        for lease in lost:
            lease.deadline = 0.0
        if lost:
            raise LeaseLost(f"The lease on shard {lost[0].shard} is lost, or its buckets have changed.")

    def step_down(self, why: str) -> None:
        """Give the shards to other relays. A relay that takes a shard loads its position again."""
        for shard in self.shards.values():
            self._end(shard)
        self._forget(why)

    def leave(self) -> None:
        """End: give up the shards, remove the heartbeat, close the connection."""
        self.step_down("the relay stops")
        with contextlib.suppress(psycopg.Error):
            self.coordinator.leave()
        self.session.close()

    def _end(self, shard: OwnedShard) -> None:
        with contextlib.suppress(psycopg.Error, LeaseLost, PublisherUnavailable):
            shard.end()
        with contextlib.suppress(psycopg.Error):
            shard.lease.release(self.session)

    def drop(self, why: str) -> None:
        """The database does not answer, so nothing can be given up: the leases run out."""
        for shard in self.shards.values():
            shard.abandon()
        self._forget(why)
        self.session.close()

    def _forget(self, why: str) -> None:
        for shard in self.shards.values():
            signals.shard_lost.send(type(self), lease=shard.lease, why=why)
        self.shards.clear()
        self._stretches.forget()

    def _each(self, do: Callable[[OwnedShard], bool], which: Callable[[OwnedShard], bool]) -> bool:
        """Give each of these shards a turn. Returns whether one had work."""
        busy = False
        for shard in [shard for shard in self.shards.values() if which(shard)]:
            if self._context.stopping():
                break
            self._context.tick()
            busy = do(shard) or busy
        return busy

    def _balance(self) -> bool:
        """Take over shards up to this relay's share, or give one up. Returns whether one was taken over."""
        taken = False
        lease, too_many = self.coordinator.balance(self.shards.keys())
        self._notice_operations()
        while lease is not None:
            self.shards[lease.shard] = self._open(lease)
            signals.shard_acquired.send(type(self), lease=lease)
            taken = True
            self._context.tick()
            lease, too_many = self.coordinator.balance(self.shards.keys())
        if too_many:
            shard = self.shards.pop(max(self.shards))
            self._end(shard)
            signals.shard_lost.send(type(self), lease=shard.lease, why="another relay has joined")
        return taken

    def _notice_operations(self) -> None:
        """Pass on, once, what was just read."""
        if self.coordinator.operations:
            self._context.carry_operations()
        self.coordinator.operations = False

    def _open(self, lease: Lease) -> OwnedShard:
        context = replace(
            self._context, sender=self._senders.pick(each.sender for each in self.shards.values())
        )
        try:
            return OwnedShard(self.session, lease, context, self._stretches)
        except (PositionNotOfThisHistory, LeaseLost):
            lease.release(self.session)
            raise
