"""Which events are audited. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

ALL, NOTHING = "", "~"
"""Before and behind the text of every time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which events are audited: those created in a range of time, of some topics. Empty: all."""

    since: datetime | None = None
    until: datetime | None = None
    topics: frozenset[str] = frozenset()

    @property
    def first(self) -> str:
        return as_text(self.since) if self.since else ALL

    @property
    def end(self) -> str:
        return as_text(self.until) if self.until else NOTHING


def as_text(moment: datetime) -> str:
    """A time as it goes on the wire. These texts sort by time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
