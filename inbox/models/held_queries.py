"""Changes of held events, by the consumer and by people. Each change of the events of a key needs the lock of
that key, so keys are independent of each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connections, models, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Now

from inbox.sql import statement

if TYPE_CHECKING:
    from inbox.handling.routing import Delivery
    from inbox.models.held import HeldEvent

Key = tuple[str, int]


class Share(NamedTuple):
    """The keys of worker number ``worker``, from 0, of ``workers``: see ``inbox.workers.in_flight.share``."""

    worker: int
    workers: int


EVERYTHING = Share(0, 1)
UNDECIDED = Q(retry_at=None, released_at=None) & ~Q(error="")
"""Events that stay held until a person decides."""


class HeldEventQuerySet(models.QuerySet["HeldEvent"]):
    def waiting(self, consumer: str | None = None) -> HeldEventQuerySet:
        """Events that are held and not discarded, in the order of their arrival."""
        waiting = self.filter(discarded_at=None).order_by("id")
        return waiting if consumer is None else waiting.filter(consumer=consumer)

    def retried(self, consumer: str, handler: str) -> HeldEventQuerySet:
        """Events with which this handler failed, and which are retried without a person."""
        return self.waiting(consumer).filter(handler=handler, retry_at__isnull=False)

    def key_hashes(self, consumer: str, among: Iterable[int | None]) -> set[int]:
        """The keys that have held events, so that later ones must wait behind them."""
        known = [key_hash for key_hash in among if key_hash is not None]
        found = (
            self.filter(consumer=consumer, discarded_at=None, key_hash__in=known) if known else self.none()
        )
        return {
            key_hash
            for key_hash in found.order_by().values_list("key_hash", flat=True).distinct()
            if key_hash is not None
        }

    def lock(self, keys: Iterable[Key]) -> None:
        """Lock the held events of these keys until the transaction ends."""
        consumers, key_hashes = _columns(sorted(keys))
        self._execute("lock_keys", consumers=consumers, key_hashes=key_hashes)

    def hold(
        self,
        consumer: str,
        deliveries: Iterable[Delivery],
        retry_in: float | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Hold these behind the held events of their keys. ``retry_in``: seconds until they are retried."""
        retry_at = None if retry_in is None else Now() + timedelta(seconds=retry_in)
        rows = [self.model.of(consumer, delivery, retry_at=retry_at, alone=alone) for delivery in deliveries]
        self.bulk_create(rows, ignore_conflicts=True)

    def due(
        self,
        consumer: str,
        limit: int,
        *,
        ahead: float = 0.0,
        without: Collection[str] = (),
        handler: str = "",
        paused: Collection[str] = (),
        share: Share = EVERYTHING,
    ) -> list[int]:
        """The ids of up to ``limit`` events that are due, the longest due first. ``handler``: only those that
        this handler failed with; ``without``: not those of these handlers; ``paused``: not those of these
        topics. ``ahead``: seconds that a test has skipped. ``share``: only those of a worker.
        """
        parameters = {"consumer": consumer, "limit": limit, "ahead": ahead, "without": sorted(without)}
        parameters |= {"worker": share.worker, "workers": share.workers}
        parameters["paused"] = sorted(paused)
        return [id_ for (id_,) in self._fetch("due", handler=handler, **parameters)]

    def take(
        self, consumer: str, ids: Sequence[int], rows: int, *, ahead: float = 0.0, begun: bool = False
    ) -> list[list[HeldEvent]]:
        """Lock the keys of these, except keys that another process has locked. Returns up to ``rows`` waiting
        events of each locked key that is due. ``begun``: of each, because ``begin_alone`` has postponed them.
        """
        locked = self._fetch("lock_due", ids=list(ids))
        key_hashes = sorted({key_hash for _, key_hash in locked if key_hash is not None})
        singles = [id_ for id_, key_hash in locked if key_hash is None]
        parameters = {
            "consumer": consumer,
            "key_hashes": key_hashes,
            "ids": singles,
            "rows": rows,
            "ahead": ahead,
            "begun": begun,
        }
        queues: dict[Key, list[HeldEvent]] = {}
        for held in self.raw(statement("take"), parameters, using=self.db) if locked else ():
            queues.setdefault(held.own_key, []).append(held)
        return sorted(queues.values(), key=lambda queue: queue[0].pk)

    def done(self, held: Sequence[HeldEvent]) -> None:
        """These were handled: delete them, and make the events behind them due."""
        self.filter(id__in=[row.pk for row in held]).delete()
        self.wake({row.own_key for row in held if row.key_hash is not None})

    def wake(self, keys: Iterable[Key]) -> None:
        """Make the first event of each key due, unless a person must decide about it."""
        consumers, key_hashes = _columns(sorted(keys))
        if key_hashes:
            self._execute("wake", consumers=consumers, key_hashes=key_hashes)

    def make_due(self, consumer: str, handlers: Collection[str]) -> None:
        """Make the events with which these handlers failed due now, because their outage is over."""
        late = self.waiting(consumer).filter(handler__in=handlers, retry_at__gt=Now())
        late.order_by().update(retry_at=Now())

    def begin_alone(self, held: HeldEvent, *, error: str, handler: str, retry_in: float) -> None:
        """Count an attempt before it is made, because it may kill the process; ``error`` is the text for that
        case. The key of the event must be locked. For ``retry_in`` seconds no other process finds it due.
        """
        retry_at = Now() + timedelta(seconds=retry_in)
        mine = self.filter(id=held.pk)
        values = {"alone": True, "error": error, "handler": handler, "retry_at": retry_at}
        mine.update(attempts=F("attempts") + 1, **values)

    def not_begun(self, held: HeldEvent) -> None:
        """The attempt that ``begin_alone`` counted was not made. The event waits as long as after one. This
        needs no lock: nothing is changed if another attempt has begun since.
        """
        before = {name: getattr(held, name) for name in ("attempts", "alone", "error", "handler")}
        self.filter(id=held.pk, attempts=held.attempts + 1).update(**before)

    def failed(
        self, held: HeldEvent, *, error: str, handler: str, attempts: int, retry_in: float | None
    ) -> bool:
        """Keep an event held that failed again: for ``retry_in`` seconds, or until a person decides if that
        is None. Returns False if it was handled, discarded or released since it was read.
        """
        values: dict[str, Any] = {"error": error, "handler": handler, "attempts": attempts}
        values["alone"] = held.alone
        values["retry_at"] = None if retry_in is None else Now() + timedelta(seconds=retry_in)
        if retry_in is None:
            values["released_at"] = None
        mine = self.waiting().filter(id=held.pk, released_at=held.released_at)
        return bool(mine.order_by().update(**values))

    def unreleased(self) -> HeldEventQuerySet:
        """Those that are not released yet, neither themselves nor as the first of their key."""
        heads = self.model.objects.using(self.db).waiting()
        head = heads.filter(consumer=OuterRef("consumer"), key_hash=OuterRef("key_hash")).values(
            "released_at"
        )[:1]
        return self.alias(head_released=Subquery(head)).filter(released_at=None, head_released=None)

    def release(self) -> int:
        """Have the running consumer handle these and the rest of their keys, in order. Returns how many.

        It is one transaction, so do not give it too many (see ``inbox.operations``).
        """
        with transaction.atomic(using=self.db):
            keys, singles = self._locked_keys()
            consumers, key_hashes = _columns(sorted(keys))
            count = self._fetch("release", consumers=consumers, key_hashes=key_hashes, ids=singles)[0][0]
        return int(count)

    def discard(self, by: str, reason: str) -> int:
        """Discard these, and store who did it and why. Events that waited behind them become due. Returns how
        many were discarded. It is one transaction, as ``release``.
        """
        with transaction.atomic(using=self.db):
            keys, _ = self._locked_keys()
            gone = {"discarded_at": Now(), "discarded_by": by, "discard_reason": reason}
            count = self.waiting().order_by().update(**gone, released_at=None, retry_at=None)
            self.wake(keys)
        return count

    def _locked_keys(self) -> tuple[set[Key], list[int]]:
        """Lock these events. Returns their keys, and the ids of those without a key."""
        rows = list(self.waiting().values_list("id", "consumer", "key_hash"))
        keys = {(consumer, key_hash) for _, consumer, key_hash in rows if key_hash is not None}
        self.lock(keys | {(consumer, -id_) for id_, consumer, key_hash in rows if key_hash is None})
        return keys, [id_ for id_, _, key_hash in rows if key_hash is None]

    def _execute(self, name: str, **parameters: Any) -> None:
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement(name), parameters)

    def _fetch(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement(name), parameters)
            return list(cursor.fetchall())


def _columns(keys: Sequence[Key]) -> tuple[list[str], list[int]]:
    return [consumer for consumer, _ in keys], [key_hash for _, key_hash in keys]
