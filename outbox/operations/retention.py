"""Deletes old published events, in small pieces that delay no other session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from outbox.conf import settings
from outbox.log.history import refuse_another_history
from outbox.models import Ledger, Operation, OutboxEvent
from outbox.sql import statement
from outbox_core.database import BY_INDEX, by_index, pinned

CHUNK = 5_000


def period() -> timedelta:
    """How long published events are kept: ``OUTBOX["RETENTION_DAYS"]``."""
    return timedelta(days=settings().retention_days)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the log that was checked: its last id, and how many rows were deleted."""

    upto: int
    deleted: int


def prune(
    using: str = DEFAULT_DB_ALIAS,
    older_than: timedelta | None = None,
    chunk: int = CHUNK,
    *,
    dry_run: bool = False,
) -> Iterator[Piece]:
    """Delete published events created longer ago than ``older_than``, by default ``period()``, from the head
    of the log on.

    Each piece checks ``chunk`` rows in a transaction of its own, so do not call this in a transaction. It can
    stop between two pieces. It waits for no other session: no writer, no relay, no other prune. Held and
    pending events stay, whatever their age; discarded ones are deleted. ``dry_run`` only counts.

    Raises PositionNotOfThisHistory if the database was restored and ``outbox_rebase`` has not run yet.
    """
    with by_index(using):
        refuse_another_history(using)
        before = _now(using) - (period() if older_than is None else older_than)
    after = -1
    while (piece := _prune_piece(using, before, after, chunk, dry_run)) is not None:
        yield piece
        after = piece.upto


def prune_ledger(using: str = DEFAULT_DB_ALIAS, *, dry_run: bool = False) -> int:
    """Delete the entries of the ledger, and the operations, that are older than ``OUTBOX["LEDGER_DAYS"]``.
    Returns how many entries.
    """
    entries, days = Ledger.objects.using(using), settings().ledger_days
    if dry_run:
        return entries.older_than(days).count()
    Operation.objects.using(using).prune(days)
    return entries.prune(days)


def extent(using: str = DEFAULT_DB_ALIAS, older_than: timedelta | None = None) -> tuple[int, int] | None:
    """The first id of the log and about the last one older than ``older_than``, or None: good enough for a
    progress bar.
    """
    with by_index(using):
        return _extent(using, older_than)


def _extent(using: str, older_than: timedelta | None) -> tuple[int, int] | None:
    events = OutboxEvent.objects.using(using)
    before = _now(using) - (period() if older_than is None else older_than)
    first = events.order_by("pk").values_list("pk", flat=True).first()
    last = events.last_id_before(before)
    return (first, last) if first is not None and last >= first else None


def _prune_piece(using: str, before: datetime, after: int, chunk: int, dry_run: bool) -> Piece | None:
    with pinned(using, BY_INDEX, durable=True), connections[using].cursor() as cursor:
        parameters: dict[str, Any] = {"after": after, "before": before, "dry_run": dry_run}
        cursor.execute(statement("prune", chunk=chunk), parameters)
        deleted, upto, ripe = cursor.fetchone()
    return Piece(upto, deleted) if ripe else None


def _now(using: str) -> datetime:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    return now
