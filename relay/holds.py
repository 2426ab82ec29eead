"""What must wait: events in the scope of a hold are set aside in order while all others go on, and published
when it is released.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from outbox.cloudevents import Row
from outbox.models import Hold
from outbox_core.people.failure import without_rows
from outbox_core.people.text import line
from relay import signals
from relay.checkpoint import Fenced
from relay.lease import Lease
from relay.publishers.base import Failure, Trouble
from relay.session import Session

REASONS = {
    Trouble.RECORD: Hold.Reason.POISON,
    Trouble.TOPIC_MISSING: Hold.Reason.TOPIC_MISSING,
    Trouble.TOPIC_FORBIDDEN: Hold.Reason.TOPIC_FORBIDDEN,
}


@dataclass(slots=True)
class Scopes:
    """The holds that some rows may wait behind, by what they cover."""

    topics: dict[str, int] = field(default_factory=dict)
    keys: dict[tuple[str, str], int] = field(default_factory=dict)
    events: dict[int, int] = field(default_factory=dict)

    def hold_of(self, row: Row) -> int | None:
        """The hold that the row waits behind; the narrowest one, so that all that waits of a key waits in one
        place.
        """
        hold = self.events.get(row.id)
        if hold is None:
            hold = self.keys.get((row.topic, row.key))
        return self.topics.get(row.topic) if hold is None else hold


@dataclass(frozen=True, slots=True)
class Release:
    """A hold whose time to end has come."""

    hold: int
    scope: str
    topic: str
    key: str | None
    reason: str
    seconds: float
    """Since it was made."""


class Holds:
    """The holds as the owner of one shard sees and makes them."""

    def __init__(self, session: Session, lease: Lease) -> None:
        self._session = session
        self._lease = lease
        self._passed: set[int] = set()

    def scopes(self, rows: Collection[Row]) -> Scopes:
        """What holds there are for these rows. Asked anew for every page, so that no list of all holds is
        ever in memory.
        """
        scopes = Scopes()
        if not self._session.fetch("any_hold", {})[0][0]:
            self._passed.clear()
            return scopes
        parameters = {
            "topics": list({row.topic for row in rows}),
            "keys": list({row.key for row in rows}),
            "ids": [row.id for row in rows],
        }
        for hold, scope, topic, key, event, due in self._session.fetch("holds", parameters):
            if due and hold in self._passed:
                continue
            self._passed.discard(hold)
            if scope == Hold.Scope.TOPIC:
                scopes.topics[topic] = hold
            elif scope == Hold.Scope.KEY:
                scopes.keys[topic, key] = hold
            else:
                scopes.events[event] = hold
        return scopes

    def make(self, row: Row, failure: Failure, *, policy: str, retry_in: float) -> None:
        """Hold what a failure for good touches: the topic, or the row's key, or with policy ``skip`` the row
        alone; and tell so, unless it is held already.

        Raises:
            Fenced: this relay no longer owns the shard.
        """
        scope = Hold.Scope.KEY if policy == "hold-key" else Hold.Scope.EVENT
        if failure.trouble is not Trouble.RECORD:
            scope = Hold.Scope.TOPIC
        parameters = {
            **self._lease.fence,
            "scope": scope.value,
            "topic": row.topic,
            "key": row.key if scope is Hold.Scope.KEY else None,
            "event": row.id if scope is Hold.Scope.EVENT else None,
            "reason": REASONS[failure.trouble].value,
            "detail": line(without_rows(failure.detail), 1_000),
            "release_in": retry_in if scope is Hold.Scope.TOPIC else None,
        }
        made = bool(self._session.run("hold", parameters))
        self._passed.clear()
        if not made and self.scopes([row]).hold_of(row) is None:
            raise Fenced(f"Shard {self._lease.shard} has another owner, or another epoch.")
        if made:
            self._tell(row, failure, scope)

    def _tell(self, row: Row, failure: Failure, scope: Hold.Scope) -> None:
        signals.hold_made.send(type(self), lease=self._lease, row=row, failure=failure, scope=scope)

    def due(self, after: int = 0) -> Release | None:
        """The next hold, by id, whose release is due."""
        rows = self._session.fetch("due", {"after": after})
        return Release(*rows[0]) if rows else None

    def held(self, release: Release, *, rows: int, size: int) -> list[Row]:
        """The next held events of this shard, in the order in which they were set aside."""
        parameters = {"hold": release.hold, "first": self._lease.first, "last": self._lease.last}
        return [
            Row._make(row) for row in self._session.fetch("held", {**parameters, "rows": rows, "bytes": size})
        ]

    def postpone(self, release: Release, row: Row, failure: Failure, *, retry_in: float | None) -> None:
        """Leave the hold in place: for a while, or with None until somebody releases it again, who is told
        so. Not if it has been paused meanwhile, or another relay owns the shard.
        """
        parameters = {
            **self._lease.fence,
            "hold": release.hold,
            "reason": REASONS[failure.trouble].value,
            "detail": line(without_rows(failure.detail), 1_000),
        }
        if self._session.run("postpone", {**parameters, "release_in": retry_in}) and retry_in is None:
            self._tell(row, failure, Hold.Scope(release.scope))

    def narrow(self, release: Release, row: Row, failure: Failure, *, policy: str) -> None:
        """A held record proved impossible when its topic was released: hold what it touches, let the rest of
        the topic go on.
        """
        self.make(row, failure, policy=policy, retry_in=0)
        target = self.scopes([row]).hold_of(row)
        parameters = {"hold": release.hold, "target": target, "event": row.id}
        self._session.run(
            "narrow", {**parameters, "topic": row.topic, "key": row.key, "key_too": policy == "hold-key"}
        )

    def lift(self, release: Release) -> bool:
        """End the hold if nothing waits behind it any more, in any shard."""
        lifted = self._session.lift(release.hold)
        if lifted:
            signals.hold_lifted.send(type(self), lease=self._lease, release=release)
        return lifted

    def pass_by(self, release: Release) -> None:
        """This shard has published what it had behind the hold, others have yet to: if nothing is left here,
        new events go on without waiting for them, for as long as the hold is due.
        """
        if not self.held(release, rows=1, size=1):
            self._passed.add(release.hold)


def split(rows: Sequence[Row], scopes: Scopes) -> tuple[list[Row], dict[int, int]]:
    """The rows that may go, and the hold of each of the others by the row's id."""
    aside = {row.id: hold for row in rows if (hold := scopes.hold_of(row)) is not None}
    return [row for row in rows if row.id not in aside], aside
