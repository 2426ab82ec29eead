"""Ledger entries for what a relay does with holds by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outbox.models import Hold, Ledger
from outbox_core.operations.deeds import Deed
from outbox_core.operations.ledger import FAILED_AGAIN
from outbox_core.people.humanize import duration

if TYPE_CHECKING:
    from outbox_core.wire.encode import Row
    from relay.holds.table import Release

GROUPS = {Hold.Scope.KEY: "keys of ", Hold.Scope.EVENT: "events of ", Hold.Scope.REPLAY: "replays to "}


def made(row: Row, scope: Hold.Scope, reason: str, detail: str) -> Deed:
    """The entry of a relay that holds what it could not publish."""
    key = row.key if scope is Hold.Scope.KEY else None
    own: dict[str, Any] = {} if key is None else {"key": key}
    if scope is Hold.Scope.EVENT:
        own = {"key": row.key, "type": row.type, "event": row.event_id}
    where = Hold(scope=scope, topic=row.topic, key=key, event_id=row.id).where
    return Deed(
        verb=Ledger.Verb.HOLD,
        scope=where,
        group=_group(scope, row.topic),
        common={"topic": row.topic, "cause": reason},
        own=own,
        reason=detail,
        before="not published",
    )


def failed(release: Release, reason: str, detail: str) -> Deed:
    """The entry of a relay that tried to publish held events, without success."""
    return _of(release, Ledger.Verb.RETRY, reason=detail, cause=reason, outcome=FAILED_AGAIN)


def ended(release: Release) -> Deed:
    """The entry of a relay that has published or passed over all events of a hold, which has ended."""
    lasted = f"the hold ended after {duration(release.seconds)}"
    return _of(release, Ledger.Verb.RELEASE, reason=lasted, cause=release.reason)


def _of(release: Release, verb: Ledger.Verb, *, cause: str, **values: Any) -> Deed:
    scope = Hold.Scope(release.scope)
    own = {"key": release.key} if scope is Hold.Scope.KEY else {}
    return Deed(
        verb=verb,
        scope=Hold(scope=scope, topic=release.topic, key=release.key).where,
        group=_group(scope, release.topic),
        common={"topic": release.topic, "cause": cause},
        own=own,
        before=f"held: {release.reason}",
        **values,
    )


def _group(scope: Hold.Scope, topic: str) -> str:
    return f"{GROUPS.get(scope, 'topic ')}{topic}"
