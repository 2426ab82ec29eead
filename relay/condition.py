"""The state of a relay, its cause, and since when."""

from __future__ import annotations

from enum import StrEnum

from outbox_core.process.clock import boottime
from outbox_core.process.reasons import Reasons
from relay import signals


class State(StrEnum):
    """What the relay does. The same word is in its row of outbox_relay and in its log."""

    STARTING = "starting"
    STANDBY = "standby"
    """Alive; other relays own all shards."""
    PUBLISHING = "publishing"
    """Owns a shard and publishes its events."""
    DEGRADED = "degraded"
    """Kafka or PostgreSQL does not answer. Nothing is lost; the relay retries."""
    STOPPING = "stopping"


class Cause(StrEnum):
    """Why a relay is degraded."""

    KAFKA = "Kafka"
    POSTGRESQL = "PostgreSQL"
    LOG = "Log"
    """The log is not the one that writers write, or this session cannot see all of it."""
    POSITION = "Position"
    """The position of a shard was not stored by this database."""

    @property
    def needs_a_person(self) -> bool:
        """Whether retrying is not enough."""
        return self in (Cause.LOG, Cause.POSITION)


class Condition:
    """The state of one relay. Each change sends one signal, with the seconds spent in the state before.

    ``detail`` describes a degraded relay, and begins with its ``cause``. Another reason of the same cause is
    signalled once, if it lasts: a server that was restarted may now refuse the password.
    """

    def __init__(self, relay: object) -> None:
        self.state, self.detail = State.STARTING, ""
        self.cause: Cause | None = None
        self._relay = relay
        self._since = boottime()
        self._reasons = Reasons("")

    @property
    def seconds(self) -> float:
        """For how long the relay has been in this state."""
        return boottime() - self._since

    def enter(self, state: State, cause: Cause | None = None, why: str = "", *, lasting: float = 0.0) -> bool:
        """Enter a state that has already lasted ``lasting`` seconds. Returns whether state or cause changed;
        another ``why`` of the same cause is not a change. If only the cause changes, ``seconds`` still counts
        from the first cause.
        """
        is_same = (state, cause) == (self.state, self.cause)
        old, seconds = self.state, self.seconds
        self.state, self.cause, self.detail = state, cause, f"{cause}: {why}" if cause else ""
        if is_same:
            self._notice(why)
            return False
        self._reasons = Reasons(why)
        if state is not old:
            self._since = boottime() - lasting
        signals.state_changed.send(
            type(self),
            relay=self._relay,
            old=old,
            new=state,
            cause=cause,
            detail=self.detail,
            seconds=seconds,
        )
        return True

    def _notice(self, why: str) -> None:
        """Signal a reason of the outage that is another one and lasts."""
        if self._reasons.is_news(why, boottime()):
            signals.reason_changed.send(
                type(self), relay=self._relay, cause=self.cause, detail=self.detail, seconds=self.seconds
            )
