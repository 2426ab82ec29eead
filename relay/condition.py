"""The state of a relay, its cause, and since when."""

from __future__ import annotations

from enum import StrEnum

from outbox_core.process.clock import boottime
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


class Condition:
    """The state of one relay. Each change sends one signal, with the seconds spent in the state before."""

    def __init__(self, relay: object) -> None:
        self.state, self.detail = State.STARTING, ""
        self._relay = relay
        self._since = boottime()

    @property
    def seconds(self) -> float:
        """For how long the relay has been in this state."""
        return boottime() - self._since

    def enter(self, state: State, detail: str = "", *, lasting: float = 0.0) -> bool:
        """Change the state, which has already lasted ``lasting`` seconds. Returns whether it changed. A new
        detail with the same cause (the part before the first colon) is not a change. If the cause changes,
        the relay still counts as degraded since the first cause.
        """
        cause = detail.partition(":")[0]
        if (state, cause) == (self.state, self.detail.partition(":")[0]):
            self.detail = detail
            return False
        old, seconds = self.state, self.seconds
        self.state, self.detail = state, detail
        if state is not old:
            self._since = boottime() - lasting
        signals.state_changed.send(
            type(self), relay=self._relay, old=old, new=state, detail=detail, seconds=seconds
        )
        return True
