"""The relay: one loop that keeps its leases, publishes what its shards hold, and outlives every outage."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from uuid import uuid4

import psycopg

from outbox.cloudevents import Encoder
from outbox.errors import LogUnsafe, PositionNotOfThisHistory
from relay import signals
from relay.backoff import Backoff
from relay.clock import boottime
from relay.conf import RelaySettings
from relay.courier import Courier
from relay.crew import Crew
from relay.errors import LeaseLost, NotPrimary
from relay.handover import Handover
from relay.lease import Lease
from relay.membership import Membership
from relay.publishers.base import Publisher
from relay.session import Session
from relay.shard import OwnedShard
from relay.states import State
from relay.stopping import Stopping
from relay.watchdog import Watchdog

MARGIN = 0.2
"""The share of a lease that must be left when a wave is handed over."""
RELEASE_EVERY_SECONDS = 0.5
TIDY_EVERY_SECONDS = 30.0
SLOW_WAVE_SECONDS = 3.0
BACK_OFF_SLICE_SECONDS = 0.25
CLOSE_SECONDS = 5.0


class Relay:
    """Publishes the outbox of one database.

    ``run`` returns when ``stop`` was called, from any thread or signal handler, and the wave under way is
    over; with ``drain`` also when nothing is left to publish.
    """

    def __init__(self, alias: str, settings: RelaySettings, publisher: Publisher, encode: Encoder) -> None:
        self.id = uuid4()
        self.alias = alias
        self.settings = settings
        self.state, self.detail, self._since = State.STARTING, "", boottime()
        self.shards: dict[int, OwnedShard] = {}
        self._slow = self._draining = False
        self._stop = Stopping()
        self._outage = Backoff(settings.backoff_seconds)
        self._release_at = self._tidy_at = 0.0
        self._session: Session | None = None
        self._membership: Membership | None = None
        self._courier = Courier(publisher, settings.lease_seconds * MARGIN)
        self._handover = Handover(self._courier)
        self._crew = Crew(self._courier, encode, settings, self._tick, lambda: self._stop.asked)
        self._watchdog = Watchdog(
            lease_deadline=lambda: lease.deadline if (lease := self._courier.carrying) else None,
            unstick=lambda: self._session.abort() if self._session else None,
            statement_seconds=settings.statement_seconds,
        )

    def run(self, *, drain: bool = False) -> None:
        """Publish until told to stop. With ``drain``, raises LogUnsafe where the log is refused."""
        self._draining = drain
        self._watchdog.start()
        try:
            while not self._stop.asked:
                busy = self._guarded_turn()
                if drain and not busy and self._drained:
                    break
                self._stop.wait(self.settings.poll_busy_seconds if busy else self.settings.poll_idle_seconds)
        finally:
            self._leave()

    def stop(self) -> None:
        """Finish the wave under way and end; called again, end at once with exit code 3, as when
        ``shutdown_seconds`` are over.

        Safe in a signal handler: it only notes the wish.
        """
        self._watchdog.exit_at = boottime() + (0 if self._stop.asked else self.settings.shutdown_seconds)
        self._stop.ask()

    def _guarded_turn(self) -> bool:
        try:
            busy = self._turn()
        except LogUnsafe as error:
            if self._draining:
                raise
            self._wait_for_a_person(error)
        except LeaseLost as error:
            self._give_up_shards(str(error))
            if self._membership is not None:
                self._membership.look()
        except psycopg.errors.UndefinedTable:
            self._disconnect("the outbox's tables are missing")
            self._back_off(
                "PostgreSQL",
                f"the outbox's tables are missing: run `manage.py migrate outbox --database {self.alias}`",
            )
        except (psycopg.Error, NotPrimary) as error:
            self._disconnect(str(error))
            self._back_off("PostgreSQL", _first_line(error))
        else:
            self._outage.passed()
            return busy
        return True

    def _wait_for_a_person(self, error: LogUnsafe) -> None:
        """Nothing is read from a log that is not proven, and nothing sent for a position that is not."""
        if isinstance(error, PositionNotOfThisHistory):
            self._give_up_shards(str(error))
            self._back_off("Position", str(error))
        else:
            self._disconnect(str(error))
            self._back_off("Log", str(error))

    def _turn(self) -> bool:
        """One page of every shard. Whether there was anything."""
        self._slow = False
        self._connect()
        self._tick()
        if self._stands_back():
            self._enter(State.DEGRADED, f"Kafka: {self._handover.trouble}")
            return False
        busy = self._balance()
        busy = self._each(OwnedShard.turn) or busy
        if boottime() >= self._release_at:
            busy = self._each(OwnedShard.release) or busy
            self._release_at = boottime() + (0 if busy else RELEASE_EVERY_SECONDS)
        if boottime() >= self._tidy_at:
            self._tidy_at = boottime() + TIDY_EVERY_SECONDS
            if self._session is not None:
                self._session.prove()
            for shard in self.shards.values():
                shard.tidy()
        self._judge()
        return busy

    def _judge(self) -> None:
        """What the turn has shown: the state, and whether another relay should try."""
        assert self._membership is not None
        trouble = next((shard.trouble for shard in self.shards.values() if shard.trouble), "")
        if trouble:
            self._enter(State.DEGRADED, f"Kafka: {trouble}")
            if self._membership.others and self._handover.is_due:
                self._handover.make(trouble)
                self._give_up_shards("Kafka does not answer this relay; another one may reach it")
        elif not self._slow:
            self._enter(State.PUBLISHING if self.shards else State.STANDBY)

    def _stands_back(self) -> bool:
        """Whether this relay has handed its shards over; until Kafka answers it, or nobody else has them."""
        assert self._membership is not None
        if self._handover.trouble and (
            self._membership.is_needed() or self._handover.kafka_answers(self._tick)
        ):
            self._handover.end()
        return bool(self._handover.trouble)

    def _each(self, work: Callable[[OwnedShard], bool]) -> bool:
        """Have every shard do a piece of work."""
        busy = False
        for shard in list(self.shards.values()):
            if self._stop.asked:
                break
            self._tick()
            busy = work(shard) or busy
        return busy

    def _connect(self) -> None:
        if self._membership is None:
            seconds, ttl = self.settings.statement_seconds, self.settings.lease_seconds
            self._session = Session(self.alias, opened=self._opened, statement_seconds=seconds)
            membership = Membership(self._session, self.id, socket.gethostname(), os.getpid(), ttl)
            self._prove(self._session, membership)
            self._membership = membership

    @staticmethod
    def _prove(session: Session, membership: Membership) -> None:
        """Read nothing from a log that is not proven; but beat, so that the status shows the refusal."""
        try:
            session.prove()
        except LogUnsafe as error:
            with contextlib.suppress(psycopg.Error):
                membership.beat(State.DEGRADED, f"Log: {error}", now=True)
            raise

    def _opened(self, session: Session) -> None:
        """The watchdog must reach a session whose first statements hang, as behind a pooler without a
        server.
        """
        self._session = session

    def _tick(self) -> None:
        """What must not wait: renew the leases, beat, say when a wave takes suspiciously long."""
        self._watchdog.beat()
        if self._membership is None or self._session is None:
            return
        for shard in list(self.shards.values()):
            if boottime() >= shard.lease.renew_at and not shard.lease.renew(self._session):
                shard.lease.deadline = 0.0
                raise LeaseLost(
                    f"The lease on shard {shard.lease.shard} is lost, or its buckets have changed."
                )
        self._membership.beat(self.state, self.detail)
        waiting = self._courier.seconds_under_way
        if waiting > SLOW_WAVE_SECONDS:
            self._slow = True
            self._enter(State.DEGRADED, f"Kafka: no acknowledgement for {waiting:.0f} s", lasting=waiting)

    @property
    def _drained(self) -> bool:
        """With nothing to do: owns every shard, or others do that are alive."""
        if self.state not in (State.PUBLISHING, State.STANDBY) or self._membership is None:
            return False
        owns_all = len(self.shards) == self._membership.shards
        return owns_all or boottime() - self._since >= self.settings.lease_seconds

    def _balance(self) -> bool:
        """Take over the shards that are this relay's share, or give one up. Whether one was taken over."""
        assert self._membership is not None
        assert self._session is not None
        taken = False
        lease, too_many = self._membership.balance(self.shards.keys())
        while lease is not None:
            self.shards[lease.shard] = self._open(self._session, lease)
            signals.shard_acquired.send(type(self), relay=self, lease=lease)
            taken = True
            self._tick()
            lease, too_many = self._membership.balance(self.shards.keys())
        if too_many:
            shard = self.shards.pop(max(self.shards))
            shard.lease.release(self._session)
            signals.shard_lost.send(type(self), relay=self, lease=shard.lease, why="another relay has joined")
        return taken

    def _open(self, session: Session, lease: Lease) -> OwnedShard:
        try:
            return OwnedShard(session, lease, self._crew)
        except (PositionNotOfThisHistory, LeaseLost):
            lease.release(session)
            raise

    def _enter(self, state: State, detail: str = "", *, lasting: float = 0.0) -> None:
        """Change the state, and tell so once: what keeps a degraded relay waiting counts, not how often it
        has tried. It may be ``lasting`` for some seconds already; one trouble behind another is one.
        """
        cause = detail.partition(":")[0]
        if (state, cause) == (self.state, self.detail.partition(":")[0]):
            self.detail = detail
            return
        old, seconds = self.state, boottime() - self._since
        self.state, self.detail = state, detail
        if state is not old:
            self._since = boottime() - lasting
        signals.state_changed.send(type(self), relay=self, old=old, new=state, detail=detail, seconds=seconds)
        if self._membership is not None and state is not State.DEGRADED:
            self._membership.beat(state, detail, now=True)

    def _back_off(self, cause: str, detail: str) -> None:
        """Wait before the next attempt, keeping what can be kept meanwhile."""
        self._outage.failed(detail)
        self._enter(State.DEGRADED, f"{cause}: {detail}")
        while (left := self._outage.left) and not self._stop.wait(min(left, BACK_OFF_SLICE_SECONDS)):
            try:
                self._tick()
            except (psycopg.Error, LeaseLost):
                return

    def _give_up_shards(self, why: str) -> None:
        """Let go of every shard, to load its position anew when it is taken again."""
        for shard in self.shards.values():
            if self._session is not None:
                with contextlib.suppress(psycopg.Error):
                    shard.lease.release(self._session)
            signals.shard_lost.send(type(self), relay=self, lease=shard.lease, why=why)
        self.shards.clear()

    def _disconnect(self, why: str) -> None:
        session, self._session, self._membership = self._session, None, None
        for shard in self.shards.values():
            signals.shard_lost.send(type(self), relay=self, lease=shard.lease, why=_first_line(why))
        self.shards.clear()
        if session is not None:
            session.close()

    def _leave(self) -> None:
        with contextlib.suppress(psycopg.Error):  # it may stop because the database does
            self._enter(State.STOPPING)
        self._give_up_shards("the relay stops")
        if self._membership is not None:
            with contextlib.suppress(psycopg.Error):
                self._membership.leave()
        self._courier.close(CLOSE_SECONDS)
        self._disconnect("")
        self._watchdog.stop()


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]
