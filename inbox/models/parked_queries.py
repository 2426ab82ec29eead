"""What is done with held events, by the consumer and by people. Everything that changes the order of a key,
or could end it, holds that key's lock: the keys are independent of each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connections, models, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Now

from inbox.sql import statement

if TYPE_CHECKING:
    from inbox.delivery import Delivery
    from inbox.models.parked import Parked

Key = tuple[str, int]
UNDECIDED = Q(retry_at=None, requeued_at=None) & ~Q(error="")
"""What stays held until somebody decides about it."""


class ParkedQuerySet(models.QuerySet["Parked"]):
    def waiting(self, consumer: str | None = None) -> ParkedQuerySet:
        """What is held and not discarded, in the order in which it arrived."""
        waiting = self.filter(discarded_at=None).order_by("id")
        return waiting if consumer is None else waiting.filter(consumer=consumer)

    def undecided(self) -> ParkedQuerySet:
        """What stays held until somebody decides about it."""
        return self.waiting().filter(UNDECIDED)

    def lanes(self, consumer: str, among: Iterable[int | None]) -> set[int]:
        """Which of these keys have events held, so that later ones must wait behind them."""
        known = [lane for lane in among if lane is not None]
        found = self.filter(consumer=consumer, discarded_at=None, lane__in=known) if known else self.none()
        return {
            lane for lane in found.order_by().values_list("lane", flat=True).distinct() if lane is not None
        }

    def lock(self, keys: Iterable[Key]) -> None:
        """Until the transaction ends, be the only one who changes what is held of these keys."""
        consumers, lanes = _columns(sorted(keys))
        self._execute("lock_keys", consumers=consumers, lanes=lanes)

    def park(
        self,
        consumer: str,
        deliveries: Iterable[Delivery],
        retry_in: float | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Hold these behind what is held of their keys. ``retry_in``: seconds until they are tried again."""
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
    ) -> list[int]:
        """Up to ``limit`` that are to be tried now, the longest due first; of one handler if it is named.
        ``ahead``: seconds by which time has been skipped.
        """
        parameters = {"consumer": consumer, "limit": limit, "ahead": ahead, "without": sorted(without)}
        return [id_ for (id_,) in self._fetch("due", handler=handler, **parameters)]

    def take(self, consumer: str, ids: Sequence[int], rows: int) -> list[list[Parked]]:
        """Lock the keys of these, except where another process has done so, and return for each key up to
        ``rows`` of what waits.
        """
        locked = self._fetch("lock_due", ids=list(ids))
        lanes = sorted({lane for _, lane in locked if lane is not None})
        singles = [id_ for id_, lane in locked if lane is None]
        parameters = {"consumer": consumer, "lanes": lanes, "ids": singles, "rows": rows}
        queues: dict[Key, list[Parked]] = {}
        for parked in self.raw(statement("take"), parameters, using=self.db) if locked else ():
            queues.setdefault(parked.own_key, []).append(parked)
        return sorted(queues.values(), key=lambda queue: queue[0].pk)

    def done(self, parked: Sequence[Parked]) -> None:
        """These have taken effect: what waits behind them is tried next."""
        self.filter(id__in=[row.pk for row in parked]).delete()
        self.wake({row.own_key for row in parked if row.lane is not None})

    def wake(self, keys: Iterable[Key]) -> None:
        consumers, lanes = _columns(sorted(keys))
        if lanes:
            self._execute("wake", consumers=consumers, lanes=lanes)

    def hurry(self, consumer: str, handlers: Collection[str]) -> None:
        """Try what these handlers failed with at once: an outage is over."""
        late = self.waiting(consumer).filter(handler__in=handlers, retry_at__gt=Now())
        late.order_by().update(retry_at=Now())

    def begin_alone(self, parked: Parked, *, error: str, handler: str, retry_in: float) -> None:
        """Count an attempt before it is made, as it may kill the process; ``error`` is right if it does."""
        retry_at = Now() + timedelta(seconds=retry_in)
        mine = self.filter(id=parked.pk)
        values = {"alone": True, "error": error, "handler": handler, "retry_at": retry_at}
        mine.update(attempts=F("attempts") + 1, **values)

    def failed(
        self, parked: Parked, *, error: str, handler: str, attempts: int, retry_in: float | None
    ) -> bool:
        """Keep one held that has failed again; for good until somebody decides where ``retry_in`` is None.

        Returns False if somebody has dealt with it, or has requeued it, since it was read.
        """
        values: dict[str, Any] = {"error": error, "handler": handler, "attempts": attempts}
        values["alone"] = parked.alone
        values["retry_at"] = None if retry_in is None else Now() + timedelta(seconds=retry_in)
        if retry_in is None:
            values["requeued_at"] = None
        mine = self.waiting().filter(id=parked.pk, requeued_at=parked.requeued_at)
        return bool(mine.order_by().update(**values))

    def unreleased(self) -> ParkedQuerySet:
        """Those of these whose key, or which themselves, nobody has released already."""
        heads = self.model.objects.using(self.db).waiting()
        head = heads.filter(consumer=OuterRef("consumer"), lane=OuterRef("lane")).values("requeued_at")[:1]
        return self.alias(head_released=Subquery(head)).filter(requeued_at=None, head_released=None)

    def requeue(self) -> int:
        """Have the running consumer handle these and the rest of their keys, in order; returns how many.

        One transaction: give it a chunk (see ``inbox.operations``).
        """
        with transaction.atomic(using=self.db):
            keys, singles = self._locked_keys()
            consumers, lanes = _columns(sorted(keys))
            count = self._fetch("requeue", consumers=consumers, lanes=lanes, ids=singles)[0][0]
        return int(count)

    def discard(self, by: str, reason: str) -> int:
        """Let these go, keeping who and why, and have what waited behind handled; returns how many.

        One transaction, as ``requeue``.
        """
        with transaction.atomic(using=self.db):
            keys, _ = self._locked_keys()
            gone = {"discarded_at": Now(), "discarded_by": by, "discard_reason": reason}
            count = self.waiting().order_by().update(**gone, requeued_at=None, retry_at=None)
            self.wake(keys)
        return count

    def _locked_keys(self) -> tuple[set[Key], list[int]]:
        """The keys of those that are held, and the ids of those without one; all are locked."""
        rows = list(self.waiting().values_list("id", "consumer", "lane"))
        keys = {(consumer, lane) for _, consumer, lane in rows if lane is not None}
        self.lock(keys | {(consumer, -id_) for id_, consumer, lane in rows if lane is None})
        return keys, [id_ for id_, _, lane in rows if lane is None]

    def _execute(self, name: str, **parameters: Any) -> None:
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement(name), parameters)

    def _fetch(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement(name), parameters)
            return list(cursor.fetchall())


def _columns(keys: Sequence[Key]) -> tuple[list[str], list[int]]:
    return [consumer for consumer, _ in keys], [lane for _, lane in keys]
