"""The status of an outbox at one moment. Durations are in seconds unless the name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from outbox_core.operations.report import Cause, Problem, State
from outbox_core.process.exit_codes import StatusCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """A relay with a recent heartbeat. ``alive``: recent enough. ``lasting``: in this state for so long."""

    id: UUID
    name: str
    state: str
    detail: str
    alive: bool
    silent: float
    uptime: float
    lasting: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReport:
    """``owner`` is None if no lease is running. ``owner_name`` is the name of its relay, if known.
    ``locked_by`` is the session that has its row locked, 0 for a prepared transaction.
    """

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
    locked_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReport:
    """``release_in`` is negative while the hold is being released, and None if a person must release it."""

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
class GroupReport:
    """A consumer group and a topic. ``lag`` is in records, ``seconds`` the age of the oldest of them, None if
    it is not known. Without ``members`` nobody reads.
    """

    group: str
    topic: str
    state: str
    members: int
    lag: int
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsReport:
    """``age`` is how old these figures are, in seconds; None if Kafka has never answered. ``trouble`` is why
    it did not answer last.
    """

    age: float | None
    relay: str
    trouble: str
    groups: tuple[GroupReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDifference:
    """What an audit found first; ``what`` is the kind in words. Names that are not known are empty."""

    wrong: str
    what: str
    event_id: str
    topic: str
    key: str
    where: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """How far a continuous audit has come. ``until``: everything published before is proved; ``age`` is how
    long ago that was, and ``compared`` how long ago both sides were last read completely; None if never.
    ``alive``: a process compares. ``trouble`` is why nothing can be compared now.
    """

    until: datetime | None
    age: float | None
    compared: float | None
    alive: bool
    auditor: str
    trouble: str
    differences: int
    first: FirstDifference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The thresholds: how many events may wait, and for how many seconds."""

    max_pending: int = 10_000
    max_age: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An outbox at one moment. A count that is ``capped`` means: at least so many.

    ``rate`` is events a second and ``latency_ms`` from insert to acknowledgement (of the oldest event of a
    wave, averaged over events), both of the last minute; ``minutes`` counts what was published in each minute
    of the last hour. ``causes`` has all holds, grouped; ``holds`` a few of them. ``oldest`` is the age of the
    first row of the log. None or empty: it could not be read.
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
    holds_total: int = 0
    holds_capped: bool = False
    causes: tuple[Cause, ...] = ()
    consumer_groups: GroupsReport | None = None
    audit: AuditReport | None = None
    oldest: float | None = None
    retention_days: int | None = None

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
