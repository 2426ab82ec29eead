"""Changes the positions of shards on a live system: for other ranges of buckets, or after a restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import connections
from django.db.models import F, Max, Sum
from django.db.models.functions import Greatest

from outbox.fields import ClockTimestamp
from outbox.log import tables
from outbox.log.history import refuse_another_history
from outbox.models import Checkpoint, Ledger, OutboxEvent, Position, Shard
from outbox.sql import statement
from outbox.write.buckets import BUCKETS
from outbox_core.database import by_index, pinned
from outbox_core.operations import actor
from outbox_core.operations.bulk.requests import COUNT_UP_TO, Count, counted, in_time
from outbox_core.operations.ledger import DONE

CLAIM = timedelta(minutes=10)
"""How long relays leave the shards alone if the process that claimed them dies."""
RENUMBER = """
UPDATE {schema}outbox_event AS event
SET xid = CASE WHEN concerned.covered THEN '3'::xid8 ELSE pg_current_xact_id() END
FROM concerned WHERE event.id = concerned.id
"""
COUNT = "\nSELECT FROM concerned"

StoredPosition = tuple[str, str | None, int | None]


@dataclass(frozen=True, slots=True)
class Change:
    """How many events got another transaction id, and the shards that exist now."""

    renumbered: int
    shards: list[Shard]


@dataclass(frozen=True, slots=True)
class Plan:
    """The shards that there would be, and about how many events a merge would renumber now: those that are
    not published. None: nothing is merged.
    """

    shards: list[Shard]
    waiting: Count | None


def reshard(
    using: str,
    count: int,
    *,
    who: str | None = None,
    reason: str = "",
    begin: Callable[[], None] = lambda: None,
    end: Callable[[int, int], None] = lambda entry, renumbered: None,
) -> Change:
    """Divide the buckets evenly among ``count`` shards.

    Shards that are only split keep their position. Otherwise all shards first get one common position, and
    unpublished events are renumbered for it. Writers notice nothing. Relays take the new shards. Events that
    were in flight are published again. ``begin`` and ``end`` are called in the transaction, ``end`` with the
    id of the ledger entry and the number of renumbered events. Raises ValueError unless 1 <= count <= 256,
    and PositionNotOfThisHistory where the database was restored.
    """
    ranges = ranges_of(count)
    with by_index(using):
        refuse_another_history(using)
    with _claimed(using):
        begin()
        old = list(Shard.objects.using(using).order_by("id"))
        parents = [_parent(old, first, last) for first, last in ranges]
        split = [_position(using, parent) for parent in parents if parent is not None]
        renumbered, positions = 0, split
        if len(split) < count:
            now, renumbered = _renumber(using, margin=None)
            positions = [(now, None, None)] * count
        change = Change(renumbered, _replace(using, ranges, positions))
        before = f"{len(old)} shards"
        end(_note(using, who, Ledger.Verb.RESHARD, f"into {count} shards", before, reason), renumbered)
        return change


def plan(using: str, count: int) -> Plan:
    """What ``reshard`` would do, within the time of a request. Raises as ``reshard``."""
    ranges = ranges_of(count)
    with by_index(using):
        refuse_another_history(using)
    return Plan(_shards(ranges), waiting(using) if merges(using, count) else None)


def merges(using: str, count: int) -> bool:
    """Whether a new shard would have buckets of several old ones."""
    old = list(Shard.objects.using(using).order_by("id"))
    return any(_parent(old, first, last) is None for first, last in ranges_of(count))


def waiting(using: str) -> Count:
    """How many events are not published yet, as far as a request has time to count."""
    pending = OutboxEvent.objects.using(using).pending(COUNT_UP_TO + 1)
    return counted(in_time(using, pending.count))


def ranges_of(count: int) -> list[tuple[int, int]]:
    """The buckets of each shard. Raises ValueError unless 1 <= count <= 256."""
    if not 1 <= count <= BUCKETS:
        raise ValueError(f"There can be 1 to {BUCKETS} shards, not {count}.")
    edges = [BUCKETS * n // count for n in range(count + 1)]
    return [(edges[n], edges[n + 1] - 1) for n in range(count)]


def rebase(using: str, margin: float, *, dry_run: bool = False, who: str | None = None) -> Change:
    """Convert the positions to this database's history, after a restore. Events that the stored positions do
    not cover are published. Events younger than the position minus ``margin`` seconds are published too: some
    twice rather than one never. The ranges of the shards stay.
    """
    with _claimed(using, dry_run=dry_run):
        ranges = [(s.first_bucket, s.last_bucket) for s in Shard.objects.using(using).order_by("id")]
        now, renumbered = _renumber(using, margin=margin, dry_run=dry_run)
        if dry_run:  # it touches no row, because relays renew their leases meanwhile
            return Change(renumbered, _shards(ranges))
        _note(using, who, Ledger.Verb.REBASE, f"all {len(ranges)} shards, margin {margin:g} s")
        return Change(renumbered, _replace(using, ranges, [(now, None, None)] * len(ranges)))


def _note(using: str, who: str | None, verb: str, scope: str, before: str = "", reason: str = "") -> int:
    """``who`` goes into the ledger. The default is the user of the process. Returns the id of the entry."""
    values = {"who": who or actor.shell(), "verb": verb, "scope": scope, "before": before, "reason": reason}
    return int(Ledger.objects.using(using).create(**values, count=1, outcome=DONE).pk)


@contextmanager
def _claimed(using: str, *, dry_run: bool = False) -> Iterator[None]:
    """One REPEATABLE READ transaction in which no relay owns a shard. Each shard gets a new epoch.

    An earlier transaction claims the shards, so that this snapshot is younger than every checkpoint of the
    old owners.
    """
    shards, claim = Shard.objects.using(using), uuid4()
    if not dry_run:
        with pinned(using, durable=True):
            list(shards.select_for_update().order_by("id"))  # an UPDATE alone would not wait for a checkpoint
            shards.update(owner=claim, epoch=F("epoch") + 1, lease_until=ClockTimestamp() + CLAIM)
    try:
        with pinned(using, {"synchronous_commit": "on"}, isolation="REPEATABLE READ", durable=True):
            yield
    finally:
        if not dry_run:
            with pinned(using):
                shards.filter(owner=claim).update(owner=None, lease_until=None)  # some have an owner now


def _renumber(using: str, *, margin: float | None, dry_run: bool = False) -> tuple[str, int]:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        (now,) = cursor.fetchone()
        action = COUNT if dry_run else RENUMBER.format(schema=tables.qualifier())
        cursor.execute(statement("renumber") + action, {"margin": margin, "now": now})
        return str(now), cursor.rowcount


def _parent(old: Sequence[Shard], first: int, last: int) -> Shard | None:
    """The shard that covers a whole range, if there is one."""
    return next((s for s in old if s.first_bucket <= first and last <= s.last_bucket), None)


def _position(using: str, shard: Shard) -> StoredPosition:
    stored = Position.objects.using(using).get(shard=shard)
    return (stored.lo, stored.hi, stored.pos) if stored.lo else ("1:1:", None, None)


def _shards(ranges: Sequence[tuple[int, int]], epoch: int = 0) -> list[Shard]:
    """Shards with these buckets, not stored."""
    return [
        Shard(id=n, first_bucket=first, last_bucket=last, epoch=epoch)
        for n, (first, last) in enumerate(ranges)
    ]


def _replace(
    using: str, ranges: Sequence[tuple[int, int]], positions: Sequence[StoredPosition]
) -> list[Shard]:
    """New shards at new positions. Their epoch is above that of every earlier shard. The first shard keeps
    the statistics of all.
    """
    shards = Shard.objects.using(using)
    epoch = (shards.aggregate(epoch=Max("epoch"))["epoch"] or 0) + 1
    published = Position.objects.using(using).aggregate(n=Sum("published"))["n"] or 0
    stored_at = Checkpoint.objects.using(using).aggregate(latest=Max("created_at"))["latest"]
    with connections[using].cursor() as cursor:
        cursor.execute(statement("rollup_all"))
    shards.all().delete()
    new = shards.bulk_create(_shards(ranges, epoch))
    Checkpoint.objects.using(using).bulk_create(
        _first_checkpoint(shard, position, 0 if shard.id else published, stored_at)
        for shard, position in zip(new, positions, strict=True)
    )
    return new


def _first_checkpoint(
    shard: Shard, position: StoredPosition, published: int, after: datetime | None
) -> Checkpoint:
    """It is not older than ``after``, the time of the latest checkpoint so far."""
    lo, hi, pos = position
    created_at = Greatest(ClockTimestamp(), after)
    return Checkpoint(
        shard=shard,
        epoch=shard.epoch,
        seq=0,
        lo=lo,
        hi=hi,
        pos=pos,
        published=published,
        created_at=created_at,
    )
