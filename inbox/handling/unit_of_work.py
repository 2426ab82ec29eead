"""The unit of work: one transaction that runs the handlers of events and records these as handled."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from msgspec import structs
from psycopg.pq import TransactionStatus

from inbox.errors import EffectsLost, HandlerFailed, Poison
from inbox.handling.batch import current_gathering, gathering
from inbox.handling.batch_call import BatchCall
from inbox.handling.endings import ENDED, RUNS, is_refused_commit
from inbox.handling.guard import StatementGuard, drop_busy
from inbox.handling.on_commit import isolate
from inbox.handling.routing import Delivery, Identity
from inbox.handling.savepoints import Blocks
from inbox.handling.session import SessionSettings
from inbox.holding.journal import Journal
from inbox.models import HeldEvent, Processed, Unit
from inbox.models.held_queries import HeldEventQuerySet
from inbox.offsets import NO_MOVES, DatabaseOffsets, Moves
from inbox.signals import handler_ended
from outbox_core import tracing

CAUGHT = (
    "a handler caught a database error inside the transaction, which can only roll back now; "
    "let the error out, or wrap the statement in transaction.atomic() for a savepoint"
)
New = Sequence[tuple[int, Delivery]]
"""Deliveries that were not handled before, each with its index in the batch."""


class Claimed(NamedTuple):
    """The new deliveries of a transaction. ``may_wait``: some of them may have to wait behind held ones."""

    new: New = ()
    may_wait: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What one transaction did. All other deliveries were handled before."""

    handled: tuple[Delivery, ...] = ()
    held: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfWork:
    """Gives events their effects, once: a transaction runs the handlers, records the events as handled and
    stores how far the consumer is.

    A transaction that stays idle for longer than ``idle_seconds`` is ended by the server, so that a frozen
    process cannot block the one that took over its partitions. 0 is no limit. ``ahead``: seconds that a test
    has skipped. ``failed`` is called for each failure behind a commit.
    """

    consumer: str
    offsets: DatabaseOffsets
    database: str = "default"
    idle_seconds: float = 30.0
    ahead: Callable[[], float] = lambda: 0.0
    failed: Callable[[BaseException], None] = lambda error: None
    session: SessionSettings = field(default_factory=SessionSettings, init=False)
    blocks: Blocks = field(default_factory=Blocks, init=False)

    def apply(self, deliveries: Sequence[Delivery]) -> Applied:
        """Handle the new ones, in order, all or none. Hold those that are refused, and later ones of their
        keys. Everything before them in their partitions is finished.

        Raises:
            HandlerFailed: a handler failed; ``index`` says for which of them. Nothing was changed.
            OffsetsMoved: the database went back in time. Nothing was changed.
        """
        with self._unit(deliveries, self._moves(deliveries)) as claimed:
            return self._handle(claimed)

    def attempt(self, delivery: Delivery) -> Applied:
        """Like ``apply``, but out of order: earlier records of its partition are not finished yet."""
        with self._unit([delivery]) as claimed:
            return self._handle(claimed)

    def probe(self) -> None:
        """Write and roll back. Raises if the database does not answer or takes no writes."""
        with self.transaction():
            pass

    def hold(
        self, deliveries: Sequence[Delivery], retry_in: float | None, *, alone: bool = False
    ) -> tuple[Delivery, ...]:
        """Hold the new ones of these, each to be retried alone. Returns them. Everything before them in their
        partitions is finished.

        Raises:
            OffsetsMoved: the database went back in time. Nothing was changed.
        """
        with self._unit(deliveries, self._moves(deliveries)) as claimed:
            new = [delivery for _, delivery in claimed.new]
            blocked = self._blocked(new, {delivery.key_hash for delivery in new})
            failed: list[Delivery] = []
            for delivery in new:
                waits = delivery.key_hash in blocked
                if not waits:
                    failed.append(delivery)
                self.held.hold(
                    self.consumer,
                    [structs.replace(delivery, error="", handler="", attempts=0) if waits else delivery],
                    None if waits else retry_in,
                    alone=alone,
                )
                if delivery.key_hash is not None:
                    blocked.add(delivery.key_hash)
            self.journal.held(failed, retry_in)
        return tuple(new)

    def retry(self, held: HeldEvent, delivery: Delivery | None, index: int) -> None:
        """Handle a held event in the current transaction. ``delivery`` is None if it has no handler now."""
        if delivery is not None and delivery.error:
            raise HandlerFailed(index, delivery.handler, 0.0) from Poison(delivery.error)
        if delivery is not None and (delivery.identity == held.identity or self._claim(delivery)):
            self._run(connections[self.database], index, delivery)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction in which handlers can run. Their batches are written at its end."""
        with self._unit():
            yield

    @property
    def journal(self) -> Journal:
        return self.offsets.journal

    @property
    def held(self) -> HeldEventQuerySet:
        return HeldEvent.objects.using(self.database)

    @contextmanager
    def _unit(self, deliveries: Sequence[Delivery] = (), moves: Moves = NO_MOVES) -> Iterator[Claimed]:
        """A transaction that begins by storing the offsets and claiming the events, in one statement."""
        unit = random.getrandbits(62) + 1
        connection = connections[self.database]
        within = connection.in_atomic_block
        if not within and not connection.get_autocommit():
            connection.close()  # Django would not commit, because a function of on_commit() left it like this
        tracing.recording.look()
        atomic = transaction.atomic(using=self.database)
        with self.session.within(connection), atomic, self.blocks.within(connection):
            claimed = self._begin(unit, deliveries, moves)
            guard = StatementGuard(connection, self.session, self.blocks)
            with guard.watch(), gathering() as gathered:
                yield claimed
                for call in gathered.rest():
                    self._call(connection, call.index, call)
                gathered.write()
            self._refuse_broken()
            self.blocks.end(connection)
            self.session.restore(connection)
            if not Unit.objects.db_manager(self.database).end(unit):
                raise EffectsLost(ENDED)
            if not within:  # a test looks at its functions itself
                isolate(connection, self.consumer, self.failed)
        self.offsets.confirm(moves)

    def _begin(self, unit: int, deliveries: Sequence[Delivery], moves: Moves) -> Claimed:
        identities = [delivery.identity for delivery in deliveries]
        units = Unit.objects.db_manager(self.database)
        begun = units.begin(unit, self.consumer, moves.rows, identities, self.idle_seconds)
        moves.require(begun.moved)
        if begun.claimed is None:
            return Claimed(tuple(enumerate(deliveries)), begun.any_held)
        # Another transaction may have held some of them while this one waited to claim them.
        return Claimed(_first_of_each(deliveries, begun.claimed), may_wait=True)

    def _moves(self, deliveries: Sequence[Delivery]) -> Moves:
        return self.offsets.moves(delivery.record for delivery in deliveries)

    def _handle(self, claimed: Claimed) -> Applied:
        handled: list[Delivery] = []
        held: list[Delivery] = []
        new = claimed.new
        failing = [delivery.key_hash for _, delivery in new if delivery.error]
        blocked: set[int | None] = set()
        if claimed.may_wait or failing:
            blocked = self._blocked([delivery for _, delivery in new], set(failing))
        connection = connections[self.database]
        for index, delivery in new:
            if delivery.error or (blocked and delivery.key_hash in blocked):
                held.append(delivery)
                if delivery.key_hash is not None:
                    blocked.add(delivery.key_hash)
            else:
                self._run(connection, index, delivery)
                handled.append(delivery)
        if held:
            self.held.hold(self.consumer, held)
            self.journal.held([delivery for delivery in held if delivery.error], None)
        return Applied(tuple(handled), tuple(held))

    def _run(self, connection: BaseDatabaseWrapper, index: int, delivery: Delivery) -> None:
        """Call its handlers, or keep it for a batch handler."""
        gathered = current_gathering()
        if gathered.waits:
            for call in gathered.before(delivery):
                self._call(connection, call.index, call)
        is_for_one = False
        for handler, arguments in delivery.calls:
            if handler.batch:
                gathered.add(handler, index, delivery, arguments)
            else:
                is_for_one = True
        if is_for_one:
            self._call(connection, index, delivery)

    def _call(self, connection: BaseDatabaseWrapper, index: int | None, what: Delivery | BatchCall) -> None:
        has_receivers = bool(handler_ended.receivers)  # a signal costs time even without receivers
        began = monotonic() if has_receivers else 0.0
        try:
            what.run(index)
        except HandlerFailed as failure:
            if has_receivers:
                self._report(what, failure.seconds, failure.__cause__)
            if is_refused_commit(failure) or self._was_closed():
                raise HandlerFailed(index, failure.handler, failure.seconds) from EffectsLost(ENDED)
            raise
        if has_receivers:
            self._report(what, monotonic() - began)
        session = connection.connection
        if connection.needs_rollback or session.pgconn.transaction_status != TransactionStatus.INTRANS:
            try:
                self._refuse_broken()
            except (EffectsLost, OperationalError) as error:
                raise HandlerFailed(index, what.handlers[0].name, 0.0) from error
        try:
            self.blocks.end(connection)
        except EffectsLost as error:
            raise HandlerFailed(index, what.handlers[0].name, 0.0) from error
        self.session.restore(connection)

    def _report(self, what: Delivery | BatchCall, seconds: float, error: BaseException | None = None) -> None:
        events = what.events if error is None else what.events[:1]  # one call has failed
        for event in events:
            handler_ended.send(self.consumer, event=event, seconds=seconds / len(events), error=error)

    def _was_closed(self) -> bool:
        """Whether code closed the connection, as opposed to losing it."""
        session = connections[self.database].connection
        return session is None or (session.closed and not session.broken)

    def _claim(self, delivery: Delivery) -> bool:
        processed = Processed.objects.db_manager(self.database)
        return bool(processed.claim(self.consumer, [delivery.identity]))

    def _blocked(self, new: Sequence[Delivery], failing: set[int | None]) -> set[int | None]:
        # A statement behind the claim, which waits for other transactions with these events: so events that
        # they held are seen. The lock waits for a process that retries the last held event of a key.
        key_hashes = {delivery.key_hash for delivery in new}
        blocked = self.held.key_hashes(self.consumer, key_hashes)
        concerned = {key_hash for key_hash in blocked | failing if key_hash is not None}
        if concerned:
            self.held.lock((self.consumer, key_hash) for key_hash in concerned)
            blocked = self.held.key_hashes(self.consumer, key_hashes)
        return {*blocked}

    def _refuse_broken(self) -> None:
        # PostgreSQL answers the COMMIT of a failed transaction with a ROLLBACK, and so does Django if a block
        # inside failed. Neither raises an error, so the events would be lost.
        connection = connections[self.database]
        session = connection.connection
        status = TransactionStatus.UNKNOWN if session is None else session.pgconn.transaction_status
        if session is not None and session.broken:
            raise OperationalError("the connection was lost, and a handler caught that error")
        if status in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
            raise EffectsLost(ENDED)
        if drop_busy(connection):
            raise EffectsLost(RUNS)
        if connection.needs_rollback or status == TransactionStatus.INERROR:
            raise EffectsLost(CAUGHT)


def _first_of_each(deliveries: Sequence[Delivery], claimed: set[Identity]) -> New:
    """The deliveries that were claimed, each once, with its index."""
    first = {delivery.identity: delivery for delivery in reversed(deliveries)}
    return [
        (index, delivery)
        for index, delivery in enumerate(deliveries)
        if delivery.identity in claimed and first[delivery.identity] is delivery
    ]
