"""The loop of a consumer: poll, handle, commit; then retry held events that are due."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace

from inbox.commits import Commits
from inbox.conf import ConsumerSettings, Settings
from inbox.database import UNAVAILABLE, reconnect
from inbox.errors import Abandoned, OffsetsMoved, SourceUnavailable
from inbox.handling import other_databases
from inbox.handling.execution import Execution
from inbox.handling.loop import Loop
from inbox.handling.routing import Routes
from inbox.handling.unhandled import UnhandledTypes
from inbox.holding.evidence import Evidence
from inbox.holding.judge import HANDLER
from inbox.holding.suspects import Suspects
from inbox.offsets import DatabaseOffsets, next_offsets
from inbox.pauses import Pauses
from inbox.read_ahead import ReadAhead
from inbox.seeks import Seeks
from inbox.source import Partition, Source
from inbox.status.heartbeat import DATABASE, Heartbeat
from inbox.status.outages import Outages
from outbox_core.process.backoff import delays
from outbox_core.process.stopping import Stop
from outbox_core.wire.consumed import ConsumerRecord

KAFKA = "Kafka"
POLL_SECONDS = 0.5
KEEP_ALIVE_EVERY = 1.0


class Consumer:
    """Passes the events of a source to their handlers. Each event takes effect once.

    One transaction commits the effects of a batch, the notes of handled events, and the offsets. Kafka gets a
    copy of the offsets afterwards. After any crash, the database knows where to continue.
    """

    def __init__(
        self,
        inbox: Settings,
        consumer: ConsumerSettings,
        source: Source,
        offsets: DatabaseOffsets,
        routes: Routes,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
        progress: Callable[[], None] = lambda: None,
        *,
        ahead: Callable[[], float] = lambda: 0.0,
        failed: Callable[[BaseException], None] = lambda error: None,
        carry_operations: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = consumer.name
        self._database = inbox.database
        self._source, self._offsets = source, offsets
        self._stop, self._clock, self._progress = stop, clock, progress
        self._outages = Outages(consumer.name, clock)
        self.read_ahead = ReadAhead(source, consumer.batch_size)
        self._unhandled = UnhandledTypes(
            consumer, inbox.database, routes.handlers.keys(), clock, inbox.heartbeat_seconds
        )
        self._set_up_handling(inbox, consumer, replace(routes, skip=self._unhandled), ahead, failed)
        self._set_up_commits(inbox)
        self._set_up_status(inbox, carry_operations)
        other_databases.install(inbox.database, inbox.other_databases)
        self._delays = delays()
        self._alive_at = clock()
        self._joined, self._in_hand = False, 0
        self._pauses = Pauses(consumer.name, source, consumer.topics, lambda: self._heartbeat.paused)

    @property
    def outages(self) -> Collection[str]:
        """What it waits for now. Safe in any thread."""
        return self._outages.details.keys()

    @property
    def partitions(self) -> int:
        """How many partitions it reads. Safe in any thread."""
        return len(self._source.partitions())

    @property
    def workers(self) -> int:
        """How many processes handle what this one reads; 0: it does that itself."""
        return 0

    @property
    def alive_at(self) -> float:
        """When its loop last made progress, by its clock. Safe in any thread."""
        return self._heartbeat.called_at

    def blocked(self, reason: str) -> None:
        """A statement of its loop waits for this: see ``Waiting``."""
        self._heartbeat.blocked(reason)

    def unready(self) -> str:
        """Why this consumer can handle no events now; empty if it can, also while a handler fails. Safe in
        any thread.
        """
        details = self._outages.details.items()
        if services := [detail for what, detail in details if not what.startswith(HANDLER)]:
            return f"it waits for {'; '.join(services)}"
        return "" if self._joined else "it has not joined its group yet"

    def _set_up_status(self, inbox: Settings, carry_operations: Callable[[], None]) -> None:
        """Create what writes the status of this process."""
        self._heartbeat = Heartbeat(
            self.name,
            self._source,
            self._outages,
            lambda: self.handled,
            in_hand=lambda: self._in_hand,
            workers=self.workers,
            carry_operations=carry_operations,
            seeks=self._seeks.note,
            database=inbox.database,
            every=inbox.heartbeat_seconds,
            clock=self._clock,
        )

    def _set_up_handling(
        self,
        inbox: Settings,
        consumer: ConsumerSettings,
        routes: Routes,
        ahead: Callable[[], float],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Create what handles new events and held events."""
        loop = Loop(
            clock=self._clock,
            wait=self._wait,
            check_stop=self._check_stop,
            check_retrying=self._check_stop_retrying,
            read_on=self._read_on,
            paused=lambda: self._pauses.topics,
            failed=failed,
        )
        self.execution = Execution(
            inbox,
            consumer,
            routes,
            offsets=self._offsets,
            outages=self._outages,
            evidence=Evidence(self._clock),
            suspects=Suspects(consumer.name, inbox.database, consumer.batch_size),
            loop=loop,
            ahead=ahead,
        )

    def _set_up_commits(self, inbox: Settings) -> None:
        """Create what stores the offsets, and what moves the consumer."""
        self._commits = Commits(
            self.name,
            self._source,
            self._offsets,
            start_over=self._start_over,
            database_failed=self._database_failed,
            kafka_failed=self._kafka_failed,
            check_every=inbox.heartbeat_seconds,
            clock=self._clock,
        )
        self._seeks = Seeks(
            self.name,
            self._source,
            inbox.database,
            start_over=self._commits.start_over,
            database_failed=self._database_failed,
            kafka_failed=self._kafka_failed,
        )

    def run(self) -> int:
        """Consume until asked to stop, finish the current work, and leave. Returns how many events were
        handled.
        """
        with ExitStack() as leaving:
            leaving.callback(self._source.close)
            leaving.callback(self._heartbeat.stop)
            leaving.callback(self._finish)
            while not self._stop.requested:
                self.tick()
        return self.handled

    def _finish(self) -> None:
        """What is left to do at the end, before the process leaves its group."""
        self._unhandled.write(now=True)

    @property
    def handled(self) -> int:
        """How many events it has handled."""
        return self.execution.handled

    def tick(self) -> None:
        """One round: poll, handle, commit; then retry held events that are due."""
        self._progress()
        self._heartbeat.beat()
        self._pauses.heed()
        self._seeks.carry_out()
        self._commits.check()
        self._handle(self._poll())
        self.execution.retry()
        self._unhandled.write()

    def _poll(self) -> Sequence[ConsumerRecord]:
        return self.read_ahead.take() or self._read(lambda: self._source.poll(POLL_SECONDS))

    def _read_on(self) -> Sequence[ConsumerRecord]:
        """While no key in hand succeeds: the records that came later."""
        if self._pauses.have_changed:
            raise Abandoned
        return self._read(self.read_ahead.read)

    def _read(self, read: Callable[[], Sequence[ConsumerRecord]]) -> Sequence[ConsumerRecord]:
        self._joined = self._source.joined
        try:
            records = read()
        except (SourceUnavailable, *UNAVAILABLE) as error:
            failed = self._kafka_failed if isinstance(error, SourceUnavailable) else self._database_failed
            failed(error)
            self._rest(next(self._delays))
            return ()
        self._outages.end(KAFKA)
        self._delays = delays()
        self._alive_at = self._clock()
        return records

    def _rest(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _handle(self, records: Sequence[ConsumerRecord]) -> None:
        done: dict[Partition, int] = {}
        self._in_hand = len(records)
        try:
            for finished in self.execution.process(records):
                done |= next_offsets(finished)
                self._in_hand -= len(finished)
        except OffsetsMoved:
            self._commits.read_again()
            done.clear()  # these are read again
        except Abandoned:
            self.read_ahead.rewind(records, done)
        finally:
            self._in_hand = 0
            self._commits.add(done)

    def _start_over(self, partitions: Collection[Partition]) -> None:
        self.read_ahead.rewind((), {})  # all of it is read again
        self.execution.start_over(partitions)

    def _kafka_failed(self, error: Exception) -> None:
        self._outages.begin(KAFKA, error)

    def _database_failed(self, error: Exception) -> None:
        self._outages.begin(DATABASE, error)  # the heartbeat finds its end
        reconnect(self._database, error)

    def _check_stop(self) -> None:
        if not self._stay_member() or self._stop.requested or self._seeks.is_new:
            raise Abandoned

    def _check_stop_retrying(self) -> None:
        """Held events are handled even if another process has their partition or Kafka is unavailable."""
        self._stay_member()
        if self._stop.requested:
            raise Abandoned

    def _stay_member(self) -> bool:
        """Write the heartbeat, and stay a member of the group. False if partitions were revoked."""
        self._progress()
        self._heartbeat.beat()
        if self._clock() < self._alive_at + KEEP_ALIVE_EVERY:
            return True
        self._alive_at = self._clock()
        return self._source.keep_alive()

    def _wait(self, seconds: float) -> None:
        until = self._clock() + seconds
        self._check_stop()
        while (remaining := until - self._clock()) > 0:
            self._stop.wait(min(remaining, KEEP_ALIVE_EVERY / 2))
            self._check_stop()
