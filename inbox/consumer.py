"""The loop of a consumer: poll, handle, commit; then what is held and due."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from django.conf import settings
from django.db import DatabaseError, InterfaceError, reset_queries

from inbox import elsewhere
from inbox.backoff import delays
from inbox.conf import ConsumerSettings, Settings
from inbox.database import drop_dead_connection
from inbox.delivery import Routes
from inbox.effects import Effects
from inbox.errors import Abandoned, SourceUnavailable
from inbox.heartbeat import Heartbeat
from inbox.judge import Judge
from inbox.outages import Outages
from inbox.processor import Processor
from inbox.record import Record
from inbox.requeue import Requeue
from inbox.shutdown import Stop
from inbox.skipped import Skipped
from inbox.source import Partition, Source

KAFKA = "Kafka"
POLL_SECONDS = 0.5
KEEP_ALIVE_EVERY = 1.0
RETRYING = "what trying held events again needs"
RETRY_EVERY = 1.0


class Consumer:
    """Brings the events of a source to their handlers, each of which takes effect once.

    The events of a batch, and that they are handled, are committed in one transaction; then the offsets are.
    A crash in between has them delivered again, and found handled.
    """

    def __init__(
        self,
        inbox: Settings,
        consumer: ConsumerSettings,
        source: Source,
        routes: Routes,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
        *,
        ahead: Callable[[], float] = lambda: 0.0,
        failed: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self.name = consumer.name
        self._database = inbox.database
        self._source = source
        self._stop = stop
        self._clock = clock
        self._outages = Outages(consumer.name, clock)
        self._heartbeat = Heartbeat(
            consumer.name,
            source,
            self._outages,
            database=inbox.database,
            every=inbox.heartbeat_seconds,
            clock=clock,
        )
        handlers = routes.handlers
        self._skipped = Skipped(consumer, inbox.database, handlers.keys(), clock, inbox.heartbeat_seconds)
        routes = replace(routes, skip=self._skipped)
        effects = Effects(
            consumer=consumer.name,
            database=inbox.database,
            idle_seconds=inbox.transaction_idle_seconds,
            ahead=ahead,
        )
        judge = Judge(
            handlers={handler.name for handler in handlers.values()},
            outages=self._outages,
            attempts=inbox.attempts,
            clock=clock,
        )
        self._processor = Processor(
            routes=routes,
            effects=effects,
            judge=judge,
            outages=self._outages,
            wait=self._wait,
            go_on=self._go_on,
            batch_size=consumer.batch_size,
            failed=failed,
        )
        self._requeue = Requeue(
            effects=effects, route=routes, judge=judge, attempts=inbox.attempts, failed=failed
        )
        elsewhere.install(inbox.database, inbox.other_databases)
        self._delays = delays()
        self._alive_at = self._retry_at = clock()

    def run(self) -> int:
        """Consume until asked to stop, finish what is in hand, leave; returns how many were handled."""
        try:
            while not self._stop.requested:
                self.tick()
        finally:
            self._skipped.write(now=True)
            self._heartbeat.stop()
            self._source.close()
        return self._processor.handled

    def tick(self) -> None:
        """One round: poll, handle, commit; then what is held and due."""
        self._heartbeat.beat()
        self._handle(self._poll())
        self._try_again()
        self._skipped.write()

    def _poll(self) -> Sequence[Record]:
        try:
            records = self._source.poll(POLL_SECONDS)
        except SourceUnavailable as error:
            self._outages.begin(KAFKA, error)
            self._stop.wait(next(self._delays))
            return ()
        self._kafka_answers()
        self._alive_at = self._clock()
        return records

    def _handle(self, records: Sequence[Record]) -> None:
        done: dict[Partition, int] = {}
        try:
            for record in self._processor.process(records):
                done[record.topic, record.partition] = record.offset + 1
        except Abandoned:
            self._source.rewind(_first_offsets(records, done))
        finally:
            self._heartbeat.handled = self._processor.handled
            self._commit(done)

    def _commit(self, done: dict[Partition, int]) -> None:
        if done:
            try:
                self._source.commit(done)
            except SourceUnavailable as error:
                self._outages.begin(KAFKA, error)

    def _try_again(self) -> None:
        began_at = self._clock()
        if began_at < self._retry_at:
            return
        self._retry_at = began_at + RETRY_EVERY
        try:
            outcome = self._requeue.run(self._go_on)
        except Abandoned:
            return  # no polled record is in hand here
        except (DatabaseError, InterfaceError) as error:
            self._outages.begin(RETRYING, error)
            drop_dead_connection(self._database)
            return
        self._outages.end(RETRYING)
        now = self._clock()
        # What fails takes no more of the time than what comes new.
        self._retry_at = now if outcome.more else now + max(RETRY_EVERY, now - began_at)

    def _go_on(self) -> None:
        if settings.DEBUG:
            reset_queries()  # Django keeps every statement then
        self._heartbeat.beat()
        overdue = self._clock() >= self._alive_at + KEEP_ALIVE_EVERY
        if overdue:
            self._alive_at = self._clock()
        if self._stop.requested or (overdue and not self._source.keep_alive()):
            raise Abandoned

    def _wait(self, seconds: float) -> None:
        until = self._clock() + seconds
        self._go_on()
        while (remaining := until - self._clock()) > 0:
            self._stop.wait(min(remaining, KEEP_ALIVE_EVERY / 2))
            self._go_on()

    def _kafka_answers(self) -> None:
        self._outages.end(KAFKA)
        self._delays = delays()


def _first_offsets(records: Sequence[Record], done: dict[Partition, int]) -> dict[Partition, int]:
    first: dict[Partition, int] = {}
    for record in records:
        partition = (record.topic, record.partition)
        if record.offset >= done.get(partition, 0):
            first.setdefault(partition, record.offset)
    return first
