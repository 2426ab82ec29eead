from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connections, transaction
from psycopg.pq import TransactionStatus

from inbox.batch import gathering
from inbox.delivery import Delivery
from inbox.errors import EffectsLost, Poison
from inbox.models import Parked, Processed
from inbox.models.parked import ParkedQuerySet
from inbox.offsets import DatabaseOffsets


@dataclass(frozen=True, slots=True)
class Applied:
    """What one transaction did; all else had been handled before."""

    handled: int = 0
    parked: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Gives events their effects, once: a transaction runs the handlers and records the events as handled.

    A transaction that stays idle for longer than ``idle_seconds`` is ended by the server, so that a frozen
    process cannot keep the one that took over its partitions waiting. 0 is no limit.
    """

    consumer: str
    offsets: DatabaseOffsets
    database: str = "default"
    idle_seconds: float = 30.0

    def apply(self, deliveries: Sequence[Delivery]) -> Applied:
        """Handle those that are new, in order, all or none; park poison and what follows of its key.

        How far the consumer is, is stored with it.

        Raises whatever a handler raises, or the database, or OffsetsMoved; then nothing has happened.
        """
        parked: list[Delivery] = []
        with self.transaction():
            moves = self.offsets.advance(delivery.record for delivery in deliveries)
            new = self._claim(deliveries)
            blocked = self._blocked(new)
            for delivery in new:
                if delivery.error or delivery.lane in blocked:
                    self.parked.park(self.consumer, delivery)
                    parked.append(delivery)
                    if delivery.lane is not None:
                        blocked.add(delivery.lane)
                else:
                    delivery.run()
        self.offsets.confirm(moves)
        return Applied(len(new) - len(parked), tuple(parked))

    def take_up(self, parked: Parked, delivery: Delivery | None) -> None:
        """Give a parked event its effects in the current transaction; None if no handler takes it now."""
        if delivery is not None and delivery.error:
            raise Poison(delivery.error)
        if delivery is not None and (delivery.identity == parked.identity or self._claim([delivery])):
            delivery.run()
        self.parked.filter(id=parked.id).delete()  # parked keeps its id, should this be rolled back

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction in which handlers can run; what they gather is written at its end."""
        with transaction.atomic(using=self.database):
            self._limit_idling()
            with gathering():
                yield
            self._refuse_broken()

    @property
    def parked(self) -> ParkedQuerySet:
        return Parked.objects.using(self.database)

    def _claim(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        first = {delivery.identity: delivery for delivery in reversed(deliveries)}
        claimed = Processed.objects.db_manager(self.database).claim(self.consumer, list(first))
        return [d for d in deliveries if d.identity in claimed and first[d.identity] is d]

    def _blocked(self, new: Sequence[Delivery]) -> set[int]:
        # After the claim, which waits for another transaction that has these events in hand: what that one
        # parked is seen.
        lanes = {delivery.lane for delivery in new}
        blocked = self.parked.lanes(self.consumer, lanes)
        if blocked or any(delivery.error for delivery in new):
            self.parked.lock(self.consumer)
            blocked = self.parked.lanes(self.consumer, lanes)
        return blocked

    def _limit_idling(self) -> None:
        with connections[self.database].cursor() as cursor:
            milliseconds = str(int(self.idle_seconds * 1000))
            cursor.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [milliseconds]
            )

    def _refuse_broken(self) -> None:
        # PostgreSQL answers the COMMIT of a failed transaction with a plain ROLLBACK, and Django does the
        # same where a block inside failed: neither raises, and the events would be gone.
        connection = connections[self.database]
        status = connection.connection.info.transaction_status
        if connection.needs_rollback or status == TransactionStatus.INERROR:
            raise EffectsLost(
                "a handler caught a database error inside the transaction, which can only roll back now; "
                "let the error out, or wrap the statement in transaction.atomic() for a savepoint"
            )
