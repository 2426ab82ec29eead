"""Work over many rows in chunks of one transaction each. Locks are short, and an interrupted run can be
continued by running it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.db import transaction

from outbox_core.operations.ledger import OpenEntry
from outbox_core.people.humanize import plural

CHUNK = 1_000
REQUEST_SECONDS = 5.0
"""How many seconds a request of the admin works before it leaves the rest to the command."""


class Step(NamedTuple):
    """What one chunk did: rows changed, events affected, rows skipped. The next chunk begins behind
    ``after``; None at the end.
    """

    done: int
    after: int | None
    events: int = 0
    skipped: int = 0


class Tally(NamedTuple):
    """What a whole run did. ``complete`` is False if it stopped before the end."""

    done: int = 0
    events: int = 0
    skipped: int = 0
    complete: bool = False

    def plus(self, step: Step) -> Tally:
        return Tally(
            self.done + step.done, self.events + step.events, self.skipped + step.skipped, step.after is None
        )


def steps(chunk: Callable[[int], Step], entry: OpenEntry, using: str) -> Iterator[Step]:
    """Run ``chunk`` until nothing is left. Each chunk and its part of the ledger entry share a
    transaction.
    """
    after: int | None = 0
    while after is not None:
        with transaction.atomic(using=using):
            step = chunk(after)
            entry.add(step.done, last=step.after is None)
        after = step.after
        yield step


def within(seconds: float, work: Iterator[Step], clock: Callable[[], float] = time.monotonic) -> Tally:
    """Take steps for so many seconds, at least one."""
    tally, until = Tally(), clock() + seconds
    for step in work:
        tally = tally.plus(step)
        if clock() >= until:
            break
    return tally


def to_the_end(work: Iterator[Step]) -> Tally:
    """Take every step."""
    return within(float("inf"), work)


def sentences(verb: str, noun: str, tally: Tally, command: str, then: str = "") -> Iterator[str]:
    """``Released 3 holds: …``. If the request could not finish, it names the command that does the rest."""
    if tally.done:
        yield f"{verb} {plural(tally.done, noun)}{then}."
    if tally.skipped:
        yield f"Not changed: {plural(tally.skipped, noun)}, which are being released."
    if not tally.done and not tally.skipped:
        yield f"Nothing was {verb.lower()}: it is no longer held, or is being released already."
    if not tally.complete:
        yield f"One request cannot do all of it. Repeat it, or run the command for the rest: {command}"
