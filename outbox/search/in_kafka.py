"""Where an event is in Kafka. Only the relay can look there: its app registers how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

SECONDS = 5.0
"""How long one look-up reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A record with the id of the event. ``replay``: a replay sent it."""

    partition: int
    offset: int
    sent_at: datetime | None
    replay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A consumer group that has committed an offset of the partition of ``place``. ``past``: it has read the
    record there. ``lag`` is how many records of the partition it has not read up to this one.
    """

    group: str
    members: int
    place: Place
    past: bool
    lag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What was found. ``complete``: the topic was read from the time of the event to its present end.
    ``trouble`` is why it could not be read. ``groups`` is None if Kafka did not report them.
    """

    places: Sequence[Place] = ()
    groups: Sequence[Reading] | None = ()
    read: int = 0
    complete: bool = False
    trouble: str = ""


class Finder(Protocol):
    def __call__(self, topic: str, event_id: str, since: datetime, seconds: float) -> Lookup:
        """Read a topic from about that time on, for so many seconds at most."""


_finders: list[Finder] = []


def register(finder: Finder) -> None:
    """Register the finder; a later one replaces it."""
    _finders[:] = [finder]


def finder() -> Finder | None:
    """None where the app ``relay`` is not installed."""
    return _finders[0] if _finders else None
