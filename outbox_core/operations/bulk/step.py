"""What one chunk of an operation does, its limits, and how large the next one is. Pure."""

from __future__ import annotations

from typing import NamedTuple

from outbox_core.database import BY_INDEX

CHUNK = 1_000
"""The most rows that one chunk changes."""
SCAN = 10_000
"""The most rows that one chunk looks at."""
FIRST_CHUNK = 500
LEAST_CHUNK = 200
"""A chunk does not get smaller: on a slow server most of its time does not depend on its rows."""
CHUNK_SECONDS = 0.1
"""A chunk holds its locks for about so long at most."""
LIMITS = {**BY_INDEX, "statement_timeout": "30s", "lock_timeout": "5s"}
"""Of the session of a chunk: a lock that somebody else keeps for long is an error, after which the chunk is
tried again.
"""
TRIES = 5
"""After so many failures of one chunk, the operation has failed until a person resumes it."""
LOOK_SECONDS = 0.2
"""From one look at what must wait, for its rate or for others, until the next."""
COUNT_UP_TO = 1_000_000
"""The most rows that are counted before an operation begins."""


class Step(NamedTuple):
    """Rows changed, events affected, rows skipped. The next chunk begins behind ``after``; ``last`` is
    whether there is none. ``wait``: seconds until it may begin. ``before``: the state before this chunk, for
    the ledger. ``problem``: what it waits for, if a person should know.
    """

    done: int
    after: int
    last: bool = False
    events: int = 0
    skipped: int = 0
    wait: float = 0.0
    before: str = ""
    problem: str = ""


class Change(NamedTuple):
    """What was done to some rows: rows changed, events affected, rows skipped."""

    done: int
    events: int
    skipped: int = 0


def next_size(size: int, seconds: float) -> int:
    """The size of the chunk behind one of ``size`` rows that took so many seconds: half of it if it was
    slow, twice if it was fast.
    """
    if seconds > CHUNK_SECONDS:
        return max(LEAST_CHUNK, size // 2)
    return min(CHUNK, size * 2) if seconds < CHUNK_SECONDS / 4 else size


def within_rate(size: int, rate: float | None) -> int:
    """At most what may be done in a second."""
    return size if rate is None else max(1, min(size, int(rate)))


def pause_after(done: int, rate: float | None) -> float:
    """The seconds until the next chunk after one that did so much."""
    return done / rate if rate else 0.0
