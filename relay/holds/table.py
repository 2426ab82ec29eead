"""The holds of one shard: events in the scope of a hold wait, in order, until it is released; all others are
published.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from outbox.models import Hold
from outbox_core.people.failure import without_rows
from outbox_core.people.text import line
from outbox_core.wire.encode import Row
from relay import signals
from relay.cluster.lease import Lease
from relay.conf import RelaySettings
from relay.errors import Fenced
from relay.holds import deeds
from relay.log.session import Session
from relay.publishers.base import Failure, Trouble

FIRST_RETRY_SECONDS = 0.5
REASONS = {
    Trouble.RECORD: Hold.Reason.POISON,
    Trouble.TOPIC_MISSING: Hold.Reason.TOPIC_MISSING,
    Trouble.TOPIC_FORBIDDEN: Hold.Reason.TOPIC_FORBIDDEN,
    Trouble.NOT_ENOUGH_REPLICAS: Hold.Reason.NOT_ENOUGH_REPLICAS,
}


@dataclass(slots=True)
class Scopes:
    """The holds that cover some rows, by scope. It is false if there are none."""

    topics: dict[str, int] = field(default_factory=dict)
    keys: dict[tuple[str, str], int] = field(default_factory=dict)
    events: dict[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.topics or self.keys or self.events)

    def hold_of(self, row: Row) -> int | None:
        """The hold that the row waits behind: the narrowest one, so that all waiting events of a key are in
        one place.
        """
        hold = self.events.get(row.id)
        if hold is None:
            hold = self.keys.get((row.topic, row.key))
        return self.topics.get(row.topic) if hold is None else hold


@dataclass(frozen=True, slots=True)
class Release:
    """A hold whose release is due."""

    hold: int
    scope: str
    topic: str
    key: str | None
    reason: str
    seconds: float
    """Since it was made."""


class Holds:
    """Reads and makes holds for the owner of one shard."""

    def __init__(self, session: Session, lease: Lease, settings: RelaySettings) -> None:
        self._session = session
        self._lease = lease
        self._settings = settings
        self._skipped: set[int] = set()
        self._reported: set[str] = set()
        """Topics whose hold lasted longer than the grace and was reported as an error."""

    def scopes(self, rows: Iterable[Row]) -> Scopes:
        """The holds that cover these rows. Each page reads its own, so that memory does not grow with the
        number of holds.
        """
        scopes = Scopes()
        if not self._session.fetch("holds/any_hold", {})[0][0]:
            self._skipped.clear()
            return scopes
        rows = list(rows)
        parameters = {
            "topics": list({row.topic for row in rows}),
            "keys": list({row.key for row in rows}),
            "ids": [row.id for row in rows],
        }
        for hold, scope, topic, key, event, due in self._session.fetch("holds/holds", parameters):
            if due and hold in self._skipped:
                continue
            self._skipped.discard(hold)
            if scope == Hold.Scope.TOPIC:
                scopes.topics[topic] = hold
            elif scope == Hold.Scope.KEY:
                scopes.keys[topic, key] = hold
            else:
                scopes.events[event] = hold
        return scopes

    def make(self, row: Row, failure: Failure) -> None:
        """Hold what a failure affects. For a topic that cannot be written, hold the topic at once, so that no
        other topic waits. For an impossible record, hold its key, or with policy ``skip`` only the row.

        Raises:
            Fenced: this relay no longer owns the shard.
        """
        scope = self._scope_of(failure)
        parameters = {
            **self._lease.fence,
            "scope": scope.value,
            "topic": row.topic,
            "key": row.key if scope is Hold.Scope.KEY else None,
            "event": row.id if scope is Hold.Scope.EVENT else None,
            "reason": REASONS[failure.trouble].value,
            "detail": _detail(failure),
            "release_in": self._retry_in(0.0) if scope is Hold.Scope.TOPIC else None,
        }
        deed = deeds.made(row, scope, REASONS[failure.trouble], _detail(failure))
        made = bool(self._session.act("holds/hold", parameters, lambda _: deed))
        self._skipped.clear()
        if not made and self.scopes([row]).hold_of(row) is None:
            raise Fenced(f"Shard {self._lease.shard} has another owner, or another epoch.")
        if made:
            provisional = scope is Hold.Scope.TOPIC and self._settings.topic_grace_seconds > 0
            self._signal(row, failure, scope, provisional=provisional)

    def _scope_of(self, failure: Failure) -> Hold.Scope:
        if failure.trouble is not Trouble.RECORD:
            return Hold.Scope.TOPIC
        return Hold.Scope.KEY if self._settings.poison == "hold-key" else Hold.Scope.EVENT

    def _signal(self, row: Row, failure: Failure, scope: Hold.Scope, *, provisional: bool) -> None:
        if scope is Hold.Scope.TOPIC and not provisional:
            self._reported.add(row.topic)
        signals.hold_made.send(
            type(self), lease=self._lease, row=row, failure=failure, scope=scope, provisional=provisional
        )

    def _retry_in(self, seconds: float) -> float:
        """The seconds until the next attempt at a topic that has been held for ``seconds``: soon at first,
        because the topic may be new, then less and less often.
        """
        return min(self._settings.topic_retry_seconds, max(FIRST_RETRY_SECONDS, seconds / 2))

    def due(self, after: int = 0) -> Release | None:
        """The next hold, by id, whose release is due."""
        rows = self._session.fetch("holds/due", {"after": after})
        return Release(*rows[0]) if rows else None

    def due_topics(self) -> list[str]:
        """The topics that could not be written and are to be tried again."""
        return [topic for (topic,) in self._session.fetch("holds/due_topics", {})]

    def held(self, release: Release, *, rows: int, size: int) -> list[Row]:
        """The next held events of this shard, in the order in which they were held."""
        parameters = {"hold": release.hold, "first": self._lease.first, "last": self._lease.last}
        return [
            Row._make(row)
            for row in self._session.fetch("holds/held", {**parameters, "rows": rows, "bytes": size})
        ]

    def reschedule(self, release: Release, row: Row, failure: Failure) -> None:
        """Keep the hold: a topic's hold for a while, a record's hold until a person releases it again.
        Changes nothing if the hold was paused meanwhile or another relay owns the shard.
        """
        of_topic = failure.trouble is not Trouble.RECORD
        parameters = {
            **self._lease.fence,
            "hold": release.hold,
            "reason": REASONS[failure.trouble].value,
            "detail": _detail(failure),
            "release_in": self._retry_in(release.seconds) if of_topic else None,
        }
        deed = deeds.failed(release, REASONS[failure.trouble], _detail(failure))
        if not self._session.act("holds/reschedule_hold", parameters, lambda _: deed):
            return
        if not of_topic:
            self._signal(row, failure, Hold.Scope(release.scope), provisional=False)
        elif release.seconds >= self._settings.topic_grace_seconds and release.topic not in self._reported:
            self._signal(row, failure, Hold.Scope.TOPIC, provisional=False)

    def move_to_own_hold(self, release: Release, row: Row, failure: Failure) -> None:
        """Give a held record a hold of its own, because it is poison. The rest of its topic is published."""
        self.make(row, failure)
        target = self.scopes([row]).hold_of(row)
        parameters = {
            "hold": release.hold,
            "target": target,
            "event": row.id,
            "topic": row.topic,
            "key": row.key,
        }
        self._session.run(
            "holds/move_to_hold", {**parameters, "key_too": self._settings.poison == "hold-key"}
        )

    def delete(self, release: Release) -> bool:
        """Delete the hold if no shard has events behind it."""
        deleted = self._session.delete_hold(release.hold, deeds.ended(release))
        if deleted:
            self._reported.discard(release.topic)
            signals.hold_released.send(type(self), lease=self._lease, release=release)
        return deleted

    def is_empty(self, release: Release) -> bool:
        """Whether this shard has no events behind the hold."""
        return not self.held(release, rows=1, size=1)

    def skip(self, release: Release) -> None:
        """This shard has no events behind the hold, but others have: publish its new events at once."""
        self._skipped.add(release.hold)


def _detail(failure: Failure) -> str:
    return line(without_rows(failure.detail), 1_000)
