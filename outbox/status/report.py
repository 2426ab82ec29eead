"""What is known of an outbox at one moment. Durations are in seconds unless the name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from outbox_core.process.exit_codes import StatusCode


class State(StrEnum):
    """How the outbox is, in a word. The first that applies, from the bottom of this list up, is its state."""

    OK = "ok"
    """Relays are alive, each shard has an owner, nothing is held, what waits is within the thresholds."""
    HELD = "held"
    """There are holds: events of their scope are set aside, all others go on."""
    BEHIND = "behind"
    """More events wait, or the oldest for longer, than the thresholds allow."""
    DEGRADED = "degraded"
    """A relay says that Kafka or PostgreSQL does not answer it, or a shard has no owner."""
    NO_RELAY = "no relay"
    """No relay has given a sign of life lately: nothing is published, and nothing is lost."""
    REFUSED = "refused"
    """The log cannot be read, or its position believed, without losing events: relays wait for a person."""
    NOT_MIGRATED = "not migrated"
    """The tables of the outbox, or its shards, are not there."""
    UNREADABLE = "unreadable"
    """The database does not answer, not in time, not this user, or is not PostgreSQL."""

    @property
    def severity(self) -> int:
        return list(State).index(self)

    @property
    def exit_code(self) -> StatusCode:
        """0 well, 1 needs a look, 2 nothing is being published."""
        if self is State.OK:
            return StatusCode.OK
        return StatusCode.WARNING if self.severity < State.NO_RELAY.severity else StatusCode.CRITICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it should be, and what to do about it."""

    state: State
    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """A relay that has given a sign of life lately. ``alive`` is whether it is recent enough."""

    id: UUID
    name: str
    state: str
    detail: str
    alive: bool
    silent: float
    uptime: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReport:
    """``owner`` is None where no lease is running; ``owner_name`` is its relay's, where that is known."""

    id: int
    first_bucket: int
    last_bucket: int
    epoch: int
    owner: UUID | None
    owner_name: str | None
    pending: int
    pending_capped: bool
    oldest_pending: float | None
    published: int
    checkpoint_age: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReport:
    """``release_in`` is negative once the hold is being released, None where somebody has to ask for it."""

    id: int
    reason: str
    where: str
    topic: str
    detail: str
    waiting: int
    waiting_capped: bool
    age: float
    release_in: float | None

    @property
    def releasing(self) -> bool:
        return self.release_in is not None and self.release_in <= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What is still well: events that wait, and for how many seconds the oldest of them."""

    max_pending: int = 10_000
    max_age: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An outbox at one moment. A count that is ``capped`` means: at least so many.

    ``rate`` is events a second and ``latency_ms`` from insert to acknowledgement (of the oldest event of a
    wave, averaged over events), both of the last minute; ``minutes`` counts what was published in each minute
    of the last hour. What could not be read is None or empty.
    """

    database: str
    state: State
    problems: tuple[Problem, ...] = ()
    at: datetime | None = None
    pending: int | None = None
    pending_capped: bool = False
    oldest_pending: float | None = None
    published: int | None = None
    held: int | None = None
    held_capped: bool = False
    rate: float | None = None
    latency_ms: float | None = None
    latency_ms_max: int | None = None
    minutes: tuple[int, ...] = ()
    relays: tuple[RelayReport, ...] = ()
    shards: tuple[ShardReport, ...] = ()
    holds: tuple[HoldReport, ...] = ()
    holds_capped: bool = False

    @property
    def exit_code(self) -> StatusCode:
        return self.state.exit_code

    @property
    def relays_alive(self) -> int:
        return sum(relay.alive for relay in self.relays)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **msgspec.to_builtins(self),
            "exit_code": self.exit_code,
            "relays_alive": self.relays_alive,
        }
