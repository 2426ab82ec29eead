from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from inbox.conf import ConsumerSettings, Settings
from inbox.database import drop_dead_connection
from inbox.delivery import Routes
from inbox.effects import Effects
from inbox.errors import Abandoned, SourceUnavailable
from inbox.heartbeat import Heartbeat
from inbox.outages import Outages
from inbox.processor import Processor
from inbox.record import Record
from inbox.requeue import Requeue
from inbox.source import Partition, Source
from inbox.transient import is_transient
from outbox_core.process.backoff import delays
from outbox_core.process.stopping import Stop

KAFKA = "Kafka"
POLL_SECONDS = 0.5
KEEP_ALIVE_EVERY = 1.0
REQUEUED = "what requeued events need"
REQUEUE_EVERY = 1.0
REQUEUE_CHUNK = 100


class Consumer:
    """Brings the events of a source to their handlers, each of which takes effect once.

    The events of a batch, and that they are handled, are committed in one transaction; then the offsets are.
    A crash in between has them delivered again, and found handled.
    """

    def __init__(
        self,
        settings: Settings,
        consumer: ConsumerSettings,
        source: Source,
        routes: Routes,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = consumer.name
        self._progress = progress
        self._database = settings.database
        self._source = source
        self._stop = stop
        self._clock = clock
        self._outages = Outages(consumer.name, clock)
        self._heartbeat = Heartbeat(
            consumer.name,
            source,
            self._outages,
            database=settings.database,
            every=settings.heartbeat_seconds,
            clock=clock,
        )
        effects = Effects(
            consumer=consumer.name, database=settings.database, idle_seconds=settings.transaction_idle_seconds
        )
        self._processor = Processor(
            routes=routes,
            effects=effects,
            outages=self._outages,
            wait=self._wait,
            go_on=self._go_on,
            batch_size=consumer.batch_size,
            attempts=settings.attempts,
        )
        self._requeue = Requeue(effects=effects, route=routes)
        self._delays = delays()
        self._alive_at = self._requeued_at = clock()

    def run(self) -> int:
        """Consume until asked to stop, finish what is in hand, leave; returns how many were handled."""
        try:
            while not self._stop.requested:
                self.tick()
        finally:
            self._heartbeat.stop()
            self._source.close()
        return self._processor.handled

    def tick(self) -> None:
        """One round: poll, handle, commit; then what was requeued."""
        self._progress()
        self._heartbeat.beat()
        self._handle(self._poll())
        self._take_up_requeued()

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

    def _take_up_requeued(self) -> None:
        if self._clock() < self._requeued_at + REQUEUE_EVERY:
            return
        try:
            taken = self._requeue.run(REQUEUE_CHUNK, self._go_on)
        except Abandoned:
            return  # no polled record is in hand here
        except Exception as error:
            if not is_transient(error):
                raise
            self._outages.begin(REQUEUED, error)
            drop_dead_connection(self._database)
            taken = 0
        else:
            self._outages.end(REQUEUED)
        if taken < REQUEUE_CHUNK:
            self._requeued_at = self._clock()

    def _go_on(self) -> None:
        self._progress()
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
