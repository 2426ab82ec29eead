"""Which events were tried alone by a process when the campaign killed or froze it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Attempt(NamedTuple):
    """A process tries an event alone. It has counted that before, because the event may kill it."""

    event_id: UUID
    pid: int
    at: datetime


class Hit(NamedTuple):
    """The campaign has killed or frozen a process."""

    pid: int
    at: datetime


def in_hand(attempts: Sequence[Attempt], hits: Iterable[Hit]) -> Counter[UUID]:
    """How often each event was what a process had tried last when it was hit. The inbox cannot tell that from
    an event that kills its process.
    """
    found: Counter[UUID] = Counter()
    for hit in set(hits):
        if before := [attempt for attempt in attempts if attempt.pid == hit.pid and attempt.at <= hit.at]:
            found[max(before, key=lambda attempt: attempt.at).event_id] += 1
    return found
