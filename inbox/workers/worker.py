"""A worker: handles what its consumer gives it, as a consumer without workers handles what it reads."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from inbox.conf import ConsumerSettings, Settings
from inbox.database import UNAVAILABLE, reconnect
from inbox.errors import Abandoned, OffsetsMoved
from inbox.handling import other_databases
from inbox.handling.execution import Execution
from inbox.handling.loop import Loop
from inbox.handling.routing import Routes
from inbox.handling.unhandled import UnhandledTypes
from inbox.models.held_queries import Share
from inbox.source import Partition
from inbox.status.heartbeat import DATABASE
from inbox.status.outages import Outages
from inbox.workers.channel import (
    Began,
    Blocked,
    Channel,
    Drop,
    Dropped,
    Fact,
    Finished,
    Moved,
    Paused,
    Start,
    State,
    ToWorker,
    Work,
    await_messages,
)
from inbox.workers.evidence import SharedEvidence
from inbox.workers.figures import Recorder
from inbox.workers.offsets import WorkerOffsets
from outbox_core.process.backoff import delays
from outbox_core.process.stopping import StopToken
from outbox_core.wire.consumed import ConsumerRecord

IDLE_SECONDS = 0.25
REPORT_EVERY = 1.0


class InHand:
    """Tells the consumer what is handled now. It notes that in the database for all of its workers, and knows
    what may have killed another process: see ``Work``.
    """

    def __init__(self, channel: Channel[ToWorker]) -> None:
        self._channel = channel
        self.is_suspect = False

    def begin(self, records: Sequence[ConsumerRecord]) -> set[Partition]:
        last = records[-1]
        self._channel.send(Began(last.topic, last.partition, last.offset))
        return {record.place for record in records} if self.is_suspect else set()

    def end(self, records: Sequence[ConsumerRecord]) -> None:
        """``Finished`` says so."""

    def drop(self, records: Sequence[ConsumerRecord]) -> None:
        self._channel.send(Began("", 0, 0))

    def forget(self, partitions: Collection[Partition]) -> None:
        """The consumer does."""


class Worker:
    """Its loop: take what the consumer sends, handle that, then retry held events that are due."""

    def __init__(
        self,
        inbox: Settings,
        consumer: ConsumerSettings,
        routes: Routes,
        offsets: WorkerOffsets,
        channel: Channel[ToWorker],
        stop: StopToken,
        progress: Callable[[], None],
        figures: Recorder,
        share: Share,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = consumer.name
        self._database, self._clock = inbox.database, clock
        self._offsets, self._channel, self._stop = offsets, channel, stop
        self._progress, self._figures = progress, figures
        self._outages = Outages(consumer.name, clock)
        self._work: deque[Work] = deque()
        self._paused: frozenset[str] = frozenset()
        self._epoch = self._dropped = self._reported = 0
        self._report_at = self.alive_at = clock()
        self._has_moved = False
        self._delays = delays()
        self._in_hand = InHand(channel)
        self._evidence = SharedEvidence(clock, channel.send)
        handled = routes.handlers.keys()
        self._unhandled = UnhandledTypes(consumer, inbox.database, handled, clock, inbox.heartbeat_seconds)
        self._execution = Execution(
            inbox,
            consumer,
            replace(routes, skip=self._unhandled),
            offsets=offsets,
            outages=self._outages,
            evidence=self._evidence,
            suspects=self._in_hand,
            share=share,
            loop=Loop(
                clock=clock,
                wait=self._wait,
                check_stop=self._check_stop,
                check_retrying=self._check_stop,
                read_on=self._read_on,
                paused=lambda: self._paused,
            ),
        )
        other_databases.install(inbox.database, inbox.other_databases)

    def run(self) -> None:
        """Work until a stop is requested, or the consumer is gone."""
        while not self._ends:
            self._live(0.0 if self._work and not self._has_moved else IDLE_SECONDS)
            self._acknowledge()
            self._handle()
            self._execution.retry()
            self._unhandled.write()
            self._report()
        self._unhandled.write(now=True)
        self._report(now=True)

    @property
    def _ends(self) -> bool:
        return self._stop.requested or self._channel.closed

    def _live(self, seconds: float) -> None:
        """Say that the loop makes progress, and take what comes from the consumer. Waits so long at most."""
        self.alive_at = self._clock()
        self._progress()
        if seconds or self._channel.has_unsent:
            await_messages([self._channel], seconds)
        for message in self._channel.receive():
            self._take(message)

    def _take(self, message: ToWorker) -> None:
        match message:
            case Work():
                self._work.append(message)
            case Fact():
                self._execution.judge.recovered(self._evidence.take(message))
            case Paused(topics):
                self._paused = frozenset(topics)
            case Start(epoch, commits, paused):
                self._epoch = self._dropped = epoch
                self._reported, self._paused = commits, frozenset(paused)
            case Drop(epoch, reload):
                self._epoch, self._has_moved = epoch, False
                self._work.clear()
                if reload:
                    self._reported = 0
                    self._offsets.close()

    def _acknowledge(self) -> None:
        if self._dropped != self._epoch:
            self._dropped = self._epoch
            self._report(now=True)
            self._channel.send(Dropped(self._epoch))

    def _handle(self) -> None:
        """Handle what waits, up to the next change between suspects and others."""
        if not self._work or self._has_moved or not self._is_open():
            return
        self._in_hand.is_suspect = self._work[0].suspect
        records: list[ConsumerRecord] = []
        while self._work and self._work[0].suspect == self._in_hand.is_suspect:
            records += self._work.popleft().records
        try:
            for finished in self._execution.process(records):
                self._channel.send(Finished(len(finished), self._offsets.commits))
        except OffsetsMoved:
            self._say_moved()
        except Abandoned:
            pass  # it ends, or the consumer has asked it to drop these

    def _is_open(self) -> bool:
        """Whether the row of this worker is read."""
        if self._offsets.is_open:
            return True
        try:
            self._offsets.open(self._reported)
        except OffsetsMoved:
            self._say_moved()
        except UNAVAILABLE as error:
            self._outages.begin(DATABASE, error)
            reconnect(self._database, error)
            self._live(next(self._delays))
        else:
            self._outages.end(DATABASE)
            self._delays = delays()
        return self._offsets.is_open

    def _say_moved(self) -> None:
        """Handle nothing more until the consumer has read again what is lost."""
        self._has_moved = True
        self._channel.send(Moved())

    def _read_on(self) -> Sequence[ConsumerRecord]:
        return [record for work in self._work for record in work.records if not work.suspect]

    def _check_stop(self) -> None:
        self._live(0.0)
        self._report()
        if self._ends or self._dropped != self._epoch:
            raise Abandoned

    def _wait(self, seconds: float) -> None:
        until = self._clock() + seconds
        self._check_stop()
        while (remaining := until - self._clock()) > 0:
            await_messages([self._channel], min(remaining, IDLE_SECONDS))
            self._check_stop()

    def blocked(self, reason: str) -> None:
        """A statement of the loop waits for this: see ``Waiting``. Called by another thread."""
        self._channel.send(Blocked(reason))

    def _report(self, *, now: bool = False) -> None:
        """Say how things are, from time to time."""
        if now or self._clock() >= self._report_at:
            self._report_at = self._clock() + REPORT_EVERY
            figures = self._figures.take()
            self._channel.send(State(self._outages.details, self._execution.handled, figures))
