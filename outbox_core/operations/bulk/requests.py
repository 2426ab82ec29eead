"""Operations of the admin: a request counts and begins one, does a part of it, and leaves the rest to the
processes. No request takes longer than about a second.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from django.db import OperationalError

from outbox_core.database import BY_INDEX, pinned
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.verb import Order
from outbox_core.operations.bulk.words import so_far
from outbox_core.people.humanize import plural

Found = TypeVar("Found")
SECONDS = 0.4
PAGE = 100
"""So many rows are changed at once, without an operation."""
COUNT_UP_TO = 100_000
COUNT_SECONDS = 0.4


class Count(NamedTuple):
    """How many rows an order selects, or at least so many if it is capped."""

    number: int
    capped: bool

    def words(self, noun: str) -> str:
        if self.capped and not self.number:
            return f"very many {noun}s, or few among very many"
        return plural(self.number, noun, capped=self.capped)


def count(operations: Operations, order: Order, using: str) -> Count:
    """Within the time of a request. If that is too short, the number is 0 and capped."""
    found = in_time(using, lambda: operations.planned(order, using, COUNT_UP_TO + 1))
    return counted(found)


def counted(found: int | None) -> Count:
    """Of up to ``COUNT_UP_TO`` and one row; of None if the time was too short."""
    if found is None:
        return Count(0, capped=True)
    return Count(min(found, COUNT_UP_TO), capped=found > COUNT_UP_TO)


def in_time(using: str, read: Callable[[], Found]) -> Found | None:
    """What ``read`` finds in the database, each statement within the time of a request; None if that is too
    short.
    """
    limits = BY_INDEX | {"statement_timeout": f"{int(COUNT_SECONDS * 1000)}ms"}
    try:
        with pinned(using, limits, undo=True):
            return read()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != "57014":  # the statement_timeout
            raise
        return None


def act(operations: Operations, order: Order, using: str) -> tuple[list[str], BulkOperation | None]:
    """Do it, or begin it, and return what was done in sentences. The operation is None if it is done.

    Raises an error of the app for an order that makes no sense.
    """
    found, verb = count(operations, order, using), operations.verbs[order.verb]
    if found.number <= PAGE and not found.capped and not order.rate:
        step = operations.at_once(order, using)
        return [*verb.outcome(step.done, step.events, step.skipped)], None
    row = operations.begin(order, using, found.number, capped=found.capped)
    row = carry(operations, using, row.pk)
    return [*so_far(row, verb)], row


def carry(operations: Operations, using: str, pk: int) -> BulkOperation:
    """Do as much of it as a request has time for: the processes see it some seconds later."""
    return operations.within(using, pk, name(), SECONDS)


def too_many(selected: int, limit: int) -> list[str]:
    """A sentence if a list has more rows than one request takes from it."""
    rest = f"The first {limit:,} of those that you selected. Begin an operation with a filter for the rest."
    return [rest] if selected > limit else []


def name() -> str:
    """What a web process is called in the column ``carried_by``."""
    return f"admin {socket.gethostname()}:{os.getpid()}"
