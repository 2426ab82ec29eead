"""Changes of held events, by the consumer and by people. Everything that changes the order of a key,
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
    from inbox.handling.routing import Delivery
    from inbox.models.held import HeldEvent

Key = tuple[str, int]
UNDECIDED = Q(retry_at=None, released_at=None) & ~Q(error="")
"""Events that stay held until a person decides."""


class HeldEventQuerySet(models.QuerySet["HeldEvent"]):
    def waiting(self, consumer: str | None = None) -> HeldEventQuerySet:
        """What is held and not discarded, in the order in which it arrived."""
        waiting = self.filter(discarded_at=None).order_by("id")
        return waiting if consumer is None else waiting.filter(consumer=consumer)

    def undecided(self) -> HeldEventQuerySet:
        """Events that stay held until a person decides."""
        return self.waiting().filter(UNDECIDED)

    def key_hashes(self, consumer: str, among: Iterable[int | None]) -> set[int]:
        """Which of these keys have events held, so that later ones must wait behind them."""
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
        """Until the transaction ends, be the only one who changes what is held of these keys."""
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

    def take(self, consumer: str, ids: Sequence[int], rows: int) -> list[list[HeldEvent]]:
        """Lock the keys of these, except where another process has done so, and return for each key up to
        ``rows`` of what waits.
        """
        locked = self._fetch("lock_due", ids=list(ids))
        key_hashes = sorted({key_hash for _, key_hash in locked if key_hash is not None})
        singles = [id_ for id_, key_hash in locked if key_hash is None]
        parameters = {"consumer": consumer, "key_hashes": key_hashes, "ids": singles, "rows": rows}
        queues: dict[Key, list[HeldEvent]] = {}
        for held in self.raw(statement("take"), parameters, using=self.db) if locked else ():
            queues.setdefault(held.own_key, []).append(held)
        return sorted(queues.values(), key=lambda queue: queue[0].pk)

    def done(self, held: Sequence[HeldEvent]) -> None:
        """These have taken effect: what waits behind them is tried next."""
        self.filter(id__in=[row.pk for row in held]).delete()
        self.wake({row.own_key for row in held if row.key_hash is not None})

    def wake(self, keys: Iterable[Key]) -> None:
        consumers, key_hashes = _columns(sorted(keys))
        if key_hashes:
            self._execute("wake", consumers=consumers, key_hashes=key_hashes)

    def hurry(self, consumer: str, handlers: Collection[str]) -> None:
        """Try what these handlers failed with at once: an outage is over."""
        late = self.waiting(consumer).filter(handler__in=handlers, retry_at__gt=Now())
        late.order_by().update(retry_at=Now())

    def begin_alone(self, held: HeldEvent, *, error: str, handler: str, retry_in: float) -> None:
        """Count an attempt before it is made, as it may kill the process; ``error`` is right if it does."""
        retry_at = Now() + timedelta(seconds=retry_in)
        mine = self.filter(id=held.pk)
        values = {"alone": True, "error": error, "handler": handler, "retry_at": retry_at}
        mine.update(attempts=F("attempts") + 1, **values)

    def failed(
        self, held: HeldEvent, *, error: str, handler: str, attempts: int, retry_in: float | None
    ) -> bool:
        """Keep one held that has failed again; for good until somebody decides where ``retry_in`` is None.

        Returns False if somebody has dealt with it, or has released it, since it was read.
        """
        values: dict[str, Any] = {"error": error, "handler": handler, "attempts": attempts}
        values["alone"] = held.alone
        values["retry_at"] = None if retry_in is None else Now() + timedelta(seconds=retry_in)
        if retry_in is None:
            values["released_at"] = None
        mine = self.waiting().filter(id=held.pk, released_at=held.released_at)
        return bool(mine.order_by().update(**values))

    def unreleased(self) -> HeldEventQuerySet:
        """Those of these whose key, or which themselves, nobody has released already."""
        heads = self.model.objects.using(self.db).waiting()
        head = heads.filter(consumer=OuterRef("consumer"), key_hash=OuterRef("key_hash")).values(
            "released_at"
        )[:1]
        return self.alias(head_released=Subquery(head)).filter(released_at=None, head_released=None)

    def release(self) -> int:
        """Have the running consumer handle these and the rest of their keys, in order; returns how many.

        One transaction: give it a chunk (see ``inbox.operations``).
        """
        with transaction.atomic(using=self.db):
            keys, singles = self._locked_keys()
            consumers, key_hashes = _columns(sorted(keys))
            count = self._fetch("release", consumers=consumers, key_hashes=key_hashes, ids=singles)[0][0]
        return int(count)

    def discard(self, by: str, reason: str) -> int:
        """Let these go, keeping who and why, and have what waited behind handled; returns how many.

        One transaction, as ``release``.
        """
        with transaction.atomic(using=self.db):
            keys, _ = self._locked_keys()
            gone = {"discarded_at": Now(), "discarded_by": by, "discard_reason": reason}
            count = self.waiting().order_by().update(**gone, released_at=None, retry_at=None)
            self.wake(keys)
        return count

    def _locked_keys(self) -> tuple[set[Key], list[int]]:
        """The keys of those that are held, and the ids of those without one; all are locked."""
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
