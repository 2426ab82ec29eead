"""Which events are audited. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outbox_core.wire.encode import wire_time

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
        return wire_time(self.since) if self.since else ALL

    @property
    def end(self) -> str:
        return wire_time(self.until) if self.until else NOTHING
