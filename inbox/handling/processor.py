"""Handles the records of a batch, and finds the event that causes a failure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from typing import TypeVar

from msgspec import structs

from inbox.database import UNAVAILABLE, reconnect
from inbox.errors import Abandoned, DatabaseUnfit, Poison
from inbox.handling.loop import Loop
from inbox.handling.pace import Pace
from inbox.handling.retriable import is_of_the_database, is_worth_a_second_try
from inbox.handling.routing import Delivery, Routes, first_of_each_key, with_handlers
from inbox.handling.unit_of_work import Applied, UnitOfWork
from inbox.holding.judge import Failure, Judge
from inbox.holding.suspects import Notes
from inbox.signals import batch_failed, batch_handled, deaths_suspected, event_held, event_retried
from inbox.source import Partition
from inbox.status.outages import Outages
from outbox_core.process.backoff import delays
from outbox_core.wire.consumed import ConsumerRecord

T = TypeVar("T")
WRITING = "PostgreSQL (storing events)"
AGAIN = 2
"""How often a batch is retried at once after an error that may pass quickly, such as a deadlock."""
SWEEP_SECONDS = 1.0


class Processor:
    """Handles records: a batch in one transaction. An event that fails is held, and the rest is handled. It
    waits only if every handler fails for every key.

    While nothing succeeds, ``retry_held`` tries held events.
    """

    def __init__(
        self,
        *,
        routes: Routes,
        unit: UnitOfWork,
        judge: Judge,
        outages: Outages,
        suspects: Notes,
        loop: Loop,
        retry_held: Callable[[], None],
        batch_size: int,
    ) -> None:
        self.handled = 0
        self._routes = routes
        self._unit = unit
        self._judge = judge
        self._outages = outages
        self._loop = loop
        self._retry_held = retry_held
        self._pace = Pace(batch_size)
        self._later: Sequence[Delivery | None] = ()
        self._suspects = suspects

    def process(self, records: Sequence[ConsumerRecord]) -> Iterator[Sequence[ConsumerRecord]]:
        """Yield the records, some at a time, when they are handled or held.

        Raises:
            Abandoned: the records not yet yielded are to be delivered again.
        """
        routed = [self._routes(record) for record in records]
        start = 0
        while start < len(records):
            self._loop.check_stop()
            end = start + self._pace.size
            batch, self._later = records[start:end], routed[end:]
            began_at = self._judge.now()
            try:
                yield from self._batch(batch, with_handlers(routed[start:end]))
            except (Abandoned, DatabaseUnfit):
                with suppress(*UNAVAILABLE):
                    self._suspects.drop(records[start:])
                raise
            seconds = self._judge.now() - began_at
            self._pace.took(len(batch), seconds)
            batch_handled.send(self._unit.consumer, size=len(batch), seconds=seconds)
            start = end

    def start_over(self, partitions: Collection[Partition]) -> None:
        """These are read again from an earlier offset, so notes about them are not valid any more."""
        with suppress(*UNAVAILABLE):
            self._suspects.forget(partitions)

    def _batch(
        self, batch: Sequence[ConsumerRecord], deliveries: list[Delivery]
    ) -> Iterator[Sequence[ConsumerRecord]]:
        left = batch
        if deliveries:
            ready = self._routes.read(self._without_suspects(batch, deliveries))
            self._report_refused(ready)
            for last in self._settle(ready):
                end = next(index for index, record in enumerate(left, start=1) if record is last.record)
                yield left[:end]
                left = left[end:]
            self._insist(lambda: self._suspects.end(batch))
        yield left

    def _report_refused(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.error:
                self._loop.failed(Poison(delivery.error))

    def _without_suspects(
        self, batch: Sequence[ConsumerRecord], deliveries: list[Delivery]
    ) -> list[Delivery]:
        """Hold the deliveries that may have killed a process, to try them alone. Returns the others."""
        dead = self._insist(lambda: self._suspects.begin(batch))
        suspects = [d for d in deliveries if d.record.place in dead]
        if not suspects:
            return deliveries
        held = self._insist(lambda: self._unit.hold(suspects, 0.0, alone=True))
        if held:
            deaths_suspected.send(self._unit.consumer, deliveries=held)
        return [d for d in deliveries if d.record.place not in dead]

    def _settle(self, deliveries: Sequence[Delivery]) -> Generator[Delivery, None, bool]:
        """Handle or hold these. Yields the last finished one after each step. Returns whether it was always
        certain which one failed. It is not if an event ended the transaction: that is found only later, and
        other events may have failed because of it.
        """
        rest = list(deliveries)
        while rest:
            failure = self._try(rest)
            if failure is None:
                yield rest[-1]
                return True
            if failure.index is None and len(rest) > 1:
                for delivery in rest:
                    self._loop.check_stop()
                    yield from self._settle([delivery])
                return False
            index = failure.index or 0
            self._judge.note(failure.handler)
            is_certain = yield from self._settle(rest[:index])
            del rest[:index]
            if not is_certain:
                continue
            if self._held(rest[0], failure):
                yield rest.pop(0)
            else:
                self._wait_for_any(rest)
            self._loop.check_stop()
        return True

    def _try(self, deliveries: Sequence[Delivery]) -> Failure | None:
        """Handle them in one transaction. Returns the failure, if there is one."""
        again = 0
        while True:
            try:
                self._note(self._unit.apply(deliveries))
            except (Abandoned, DatabaseUnfit):
                raise
            except Exception as error:
                reconnect(self._unit.database, error)
                again += 1
                over = self._is_over(error)
                if again <= AGAIN and (over or is_worth_a_second_try(error)):
                    continue
                failure = Failure.of(error, deliveries)
                self._loop.failed(failure.cause)
                if len(deliveries) > 1:
                    batch_failed.send(self._unit.consumer, error=failure.cause, size=len(deliveries))
                return failure
            return None

    def _is_over(self, error: Exception) -> bool:
        """Whether the error was an outage of the database. If so, this returns when the outage is over."""
        if not is_of_the_database(error):
            return False
        return self._wait_until_done(self._unit.probe)[1]

    def _held(self, delivery: Delivery, failure: Failure) -> bool:
        """Hold the failed event. Returns False, and holds nothing, if no handler succeeds for any key."""
        if delivery.error:
            self._hold(delivery, None)
            return True
        verdict = self._judge.failed(delivery.identity, delivery.key_hash, failure, attempts=0)
        if verdict.outage and self._judge.nothing_succeeds:
            return False
        failed = structs.replace(
            delivery, error=failure.words, handler=failure.handler, attempts=verdict.attempts
        )
        self._hold(failed, verdict.retry_in, outage=verdict.outage)
        return True

    def _hold(self, failed: Delivery, retry_in: float | None, *, outage: bool = False) -> None:
        for delivery in self._insist(lambda: self._unit.hold([failed], retry_in)):
            if retry_in is None:
                event_held.send(self._unit.consumer, delivery=delivery)
            else:
                event_retried.send(self._unit.consumer, delivery=delivery, seconds=retry_in, outage=outage)

    def _wait_for_any(self, deliveries: Sequence[Delivery]) -> None:
        """Wait until an event of any key takes effect, also one of the next batches, or one that comes later.
        All keys are tried for a second, then one at a time, with pauses. They may be tried out of order,
        because each event takes effect once.
        """
        in_hand = [*deliveries, *with_handlers(self._later)]
        self._try_until_one_succeeds(in_hand, [*deliveries, *self._safe(in_hand, since=len(deliveries))])
        self._noted(deliveries)

    def _noted(self, deliveries: Sequence[Delivery]) -> set[Partition]:
        """Note what is tried now. Returns the partitions that have notes of other processes."""
        return self._insist(lambda: self._suspects.begin([each.record for each in deliveries]))

    def _safe(self, deliveries: Sequence[Delivery], *, since: int) -> Sequence[Delivery]:
        """Note them, and read the payloads from that index on, except where another process has died."""
        dead = self._noted(deliveries)
        return self._routes.read([d for d in deliveries[since:] if d.record.place not in dead])

    def _try_until_one_succeeds(self, in_hand: Sequence[Delivery], deliveries: Sequence[Delivery]) -> None:
        candidates = first_of_each_key(deliveries)
        known = {*candidates}
        waiting = deque(candidates.values())
        swept, until = len(waiting), self._judge.now() + SWEEP_SECONDS
        turns = cycle((True, False))
        while waiting:
            if swept <= 0 or self._judge.now() >= until:
                self._loop.wait(self._judge.pause(waiting[0]))
                if next(turns):
                    self._retry_held()
                if not self._judge.nothing_succeeds:
                    return
                later = first_of_each_key(self._come_later(in_hand))
                waiting.extendleft(later[key] for key in later.keys() - known)
                known |= later.keys()
                if not self._judge.is_due(waiting[0]):
                    continue  # a held event was tried instead
            delivery = waiting.popleft()
            swept -= 1
            self._loop.check_stop()
            failure = self._attempt(delivery)
            if not self._judge.nothing_succeeds:
                return
            if failure is not None:
                waiting.append(delivery)

    def _come_later(self, in_hand: Sequence[Delivery]) -> Sequence[Delivery]:
        """What was read since then. It is routed again, and counted, when it is handled."""
        routes = replace(self._routes, skip=lambda event: None)
        later = with_handlers([routes(record) for record in self._loop.read_on()])
        return self._safe([*in_hand, *later], since=len(in_hand)) if later else ()

    def _attempt(self, delivery: Delivery) -> Failure | None:
        try:
            self._note(self._unit.attempt(delivery))
        except DatabaseUnfit:
            raise
        except Exception as error:
            reconnect(self._unit.database, error)
            self._is_over(error)
            failure = Failure.of(error, [delivery])
            self._loop.failed(failure.cause)
            if not isinstance(failure.cause, Poison):  # that is held when its turn comes
                self._judge.failed(delivery.identity, delivery.key_hash, failure, attempts=0)
            return failure
        return None

    def _note(self, applied: Applied) -> None:
        self.handled += len(applied.handled)
        self._judge.succeeded(applied.handled)
        for delivery in applied.held:
            event_held.send(self._unit.consumer, delivery=delivery)

    def _insist(self, action: Callable[[], T]) -> T:
        """Do something that only the database can prevent, and wait until it succeeds."""
        return self._wait_until_done(action)[0]

    def _wait_until_done(self, action: Callable[[], T]) -> tuple[T, bool]:
        """The result of the action, and whether the database was unavailable before."""
        waited = False
        for delay in delays():
            try:
                result = action()
            except UNAVAILABLE as error:
                waited = True
                reconnect(self._unit.database, error)
                self._outages.begin(WRITING, error)
                self._loop.wait(delay)
            else:
                self._outages.end(WRITING)
                return result, waited
        raise AssertionError
