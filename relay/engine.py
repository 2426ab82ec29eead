"""The relay: one loop that renews its leases, publishes the events of its shards, and continues after every
outage.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from uuid import uuid4

import psycopg

from outbox.errors import LogUnsafe, PositionNotOfThisHistory
from outbox.log import tables
from outbox_core.operations.deeds import Diary
from outbox_core.process.backoff import Backoff
from outbox_core.process.limits import remedied
from outbox_core.process.stopping import StopToken
from outbox_core.wire.encode import Encoder
from relay.cluster.connected import Connected
from relay.cluster.coordinator import Coordinator
from relay.condition import Cause, Condition, State
from relay.conf import RelaySettings
from relay.context import Context
from relay.draining import is_drained
from relay.errors import LeaseLost, NotPrimary
from relay.log.link import Link
from relay.log.session import Session
from relay.log.waiting import Waiting
from relay.polling import Polling
from relay.publishers.base import Publisher
from relay.senders import Senders
from relay.shard.owned import OwnedShard
from relay.step_down import StepDown
from relay.watchdog import Watchdog

MARGIN = 0.2
"""The share of a lease that must be left when a wave is handed over."""
SLOW_WAVE_SECONDS = 3.0
HUNG_WAVE_SECONDS = 300.0
"""A wave that takes longer counts as no progress. The publisher limits how long a wave is tried."""
BACK_OFF_SLICE_SECONDS = 0.25
CLOSE_SECONDS = 5.0


class Relay:
    """Publishes the outbox of one database.

    ``run`` returns when ``stop`` is requested and the wave in flight is finished; with ``drain`` it also
    returns when nothing is left to publish. ``progress`` is called whenever the loop makes progress,
    ``carry_operations`` when an operation is running. ``another`` makes a publisher for a further sender.
    """

    def __init__(
        self,
        alias: str,
        settings: RelaySettings,
        publisher: Publisher,
        encode: Encoder,
        stop: StopToken | None = None,
        progress: Callable[[], None] = lambda: None,
        carry_operations: Callable[[], None] = lambda: None,
        *,
        another: Callable[[], Publisher] | None = None,
    ) -> None:
        self.id = uuid4()
        self.alias = alias
        self.settings = settings
        self.condition = Condition(self)
        self.connected: Connected | None = None
        self._slow = self._draining = False
        self._stop = stop or StopToken()
        self._progress = progress
        self._outage = Backoff(settings.backoff_seconds)
        self._diary = Diary("relay")
        self._polling = Polling(settings.poll_seconds)
        self._session: Session | None = None
        self._senders = Senders(publisher, settings.lease_seconds * MARGIN, another)
        self._step_down = StepDown(self._senders)
        link = Link(min(settings.lease_seconds, settings.statement_seconds) / 2)
        self._context = Context(
            self._senders.first,
            encode,
            settings,
            link,
            self._tick,
            lambda: self._stop.requested,
            carry_operations,
        )
        self._waiting = Waiting(alias, self.condition, self._coordinator, lambda: self._watchdog.is_late)
        self._watchdog = Watchdog(
            lease_deadline=lambda: self._senders.deadline,
            unstick=lambda: self._session.abort() if self._session else None,
            look=lambda: self._waiting.look(self._session),
            statement_seconds=settings.statement_seconds,
        )

    @property
    def state(self) -> State:
        return self.condition.state

    @property
    def shards(self) -> dict[int, OwnedShard]:
        """The shards that it owns now, by number. Safe in any thread."""
        connected = self.connected
        return connected.shards if connected else {}

    def unready(self) -> str:
        """Why this relay can neither publish nor be a standby now; empty if it can. Safe in any thread. Until
        Kafka has answered once, this asks it, without waiting.
        """
        if self.state not in (State.PUBLISHING, State.STANDBY):
            return self.condition.detail or f"it is {self.state}"
        return "" if self._senders.first.knows_kafka() else "Kafka has not answered yet"

    def run(self, *, drain: bool = False) -> bool:
        """Publish until asked to stop. With ``drain``, publish until everything is published or held, wait
        for a topic that cannot be written until its grace is over, and raise LogUnsafe if the log is refused.
        Returns whether everything is published or held.
        """
        self._draining = drain
        self._watchdog.start()
        try:
            while not self._stop.requested:
                busy = self.turn()
                if drain and not busy and is_drained(self):
                    return True
                self._stop.wait(self._pause(busy=busy))
        finally:
            self.leave()
        return False

    def _pause(self, *, busy: bool) -> float:
        if self.connected is None:
            return self._polling.pause(busy=busy, more=False)
        pause = self._polling.pause(busy=busy, more=self.connected.more)
        return min(pause, self.connected.coordinator.due_in)

    def stop(self) -> None:
        """Finish the wave in flight and end. Safe in a signal handler and in any thread."""
        self._stop.request()

    def turn(self) -> bool:
        """Publish one page of every shard, or wait if that is not possible now. Returns whether to continue
        at once.
        """
        try:
            connected = self.connected = self.connected or self._connect()
            busy = self._publish(connected)
        except LogUnsafe as error:
            if self._draining:
                raise
            self._wait_for_a_person(error)
        except LeaseLost as error:
            self._give_up_shards(str(error))
        except psycopg.errors.UndefinedTable:
            self._back_off_unconnected(f"the outbox's tables are missing: {tables.remedy(self.alias)}")
        except (psycopg.Error, NotPrimary) as error:
            self._back_off_unconnected(self._waiting.reason or _first_line(error))
        else:
            self._outage.passed()
            return busy
        return True

    def leave(self) -> None:
        """Give up the shards, and close all connections and threads."""
        with contextlib.suppress(psycopg.Error):  # it may end because the database ends
            self._enter(State.STOPPING)
        if self.connected is not None:
            self.connected.leave()
        self.connected = self._session = None
        self._senders.close(CLOSE_SECONDS)
        self._watchdog.stop()

    def _connect(self) -> Connected:
        limit = self.settings.statement_seconds
        session = Session(self.alias, opened=self._opened, statement_seconds=limit, diary=self._diary)
        coordinator = self._coordinator(session)
        self._prove(session, coordinator)
        return Connected(session, coordinator, self._context, self._senders)

    def _coordinator(self, session: Session) -> Coordinator:
        return Coordinator(session, self.id, socket.gethostname(), os.getpid(), self.settings.lease_seconds)

    @staticmethod
    def _prove(session: Session, coordinator: Coordinator) -> None:
        """Raise LogUnsafe if the log is not proven, because nothing may be read from it. First write the
        heartbeat, so that the status shows the refusal.
        """
        try:
            session.prove()
        except BaseException as error:
            if isinstance(error, LogUnsafe):
                with contextlib.suppress(psycopg.Error):
                    coordinator.beat(State.DEGRADED, f"{Cause.LOG}: {error}", now=True)
            session.close()
            raise

    def _opened(self, session: Session) -> None:
        """Let the watchdog reach the session before its first statement, which may hang behind a pooler
        without a server.
        """
        self._session = session

    def _publish(self, connected: Connected) -> bool:
        self._slow = False
        self._tick()
        if self._stands_back(connected):
            self._enter(State.DEGRADED, Cause.KAFKA, self._step_down.trouble)
            return False
        busy = connected.turn()
        if trouble := connected.trouble:
            self._enter(State.DEGRADED, Cause.KAFKA, trouble)
            self._offer_shards(connected, trouble)
        elif not self._slow:
            self._enter(State.PUBLISHING if connected.shards else State.STANDBY)
        return busy

    def _offer_shards(self, connected: Connected, trouble: str) -> None:
        """Step down if Kafka has not answered this relay for long and there is another healthy relay."""
        if connected.coordinator.others and self._step_down.is_due:
            self._step_down.make(trouble)
            connected.step_down("Kafka does not answer this relay; another one may reach it")

    def _stands_back(self, connected: Connected) -> bool:
        """Whether this relay has stepped down, and waits until Kafka answers or no other relay can take the
        shards.
        """
        if self._step_down.trouble and (
            connected.coordinator.is_needed() or self._step_down.kafka_answers(self._tick)
        ):
            self._step_down.end()
        return bool(self._step_down.trouble)

    def _tick(self) -> None:
        """What must not wait: renew the leases, write the heartbeat, report a wave that takes too long."""
        self._watchdog.beat()
        waiting = self._senders.seconds_under_way
        if waiting < HUNG_WAVE_SECONDS:
            self._progress()
        if self.connected is None:
            return
        self.connected.renew()
        self.connected.coordinator.beat(self.state, self.condition.detail)
        if waiting > SLOW_WAVE_SECONDS:
            self._slow = True
            why = self._senders.trouble or f"no acknowledgement for {waiting:.0f} s"
            self._enter(State.DEGRADED, Cause.KAFKA, why, lasting=waiting)

    def _enter(
        self, state: State, cause: Cause | None = None, why: str = "", *, lasting: float = 0.0
    ) -> None:
        changed = self.condition.enter(state, cause, why, lasting=lasting)
        if changed and self.connected is not None and state is not State.DEGRADED:
            self.connected.coordinator.beat(state, self.condition.detail, now=True)

    def _give_up_shards(self, why: str) -> None:
        if self.connected is not None:
            self.connected.step_down(why)
            self.connected.coordinator.balance_soon()

    def _wait_for_a_person(self, error: LogUnsafe) -> None:
        """Wait: the log or a position is not proven, so nothing is read or sent."""
        if isinstance(error, PositionNotOfThisHistory):
            self._give_up_shards(str(error))
            self._back_off(Cause.POSITION, str(error))
        else:
            self._back_off_unconnected(str(error), cause=Cause.LOG)

    def _back_off_unconnected(self, why: str, *, cause: Cause = Cause.POSTGRESQL) -> None:
        if self.connected is not None:
            self.connected.drop(why)
        self.connected = self._session = None
        self._back_off(cause, why)

    def _back_off(self, cause: Cause, why: str) -> None:
        """Wait before the next attempt. Leases are renewed meanwhile if possible."""
        self._outage.failed(why)
        self._enter(State.DEGRADED, cause, why)
        while (left := self._outage.left) and not self._stop.wait(min(left, BACK_OFF_SLICE_SECONDS)):
            try:
                self._tick()
            except (psycopg.Error, LeaseLost):
                return


def _first_line(error: object) -> str:
    return remedied(str(error).strip().partition("\n")[0])
