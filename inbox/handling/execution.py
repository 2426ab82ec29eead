"""Handles events in this process: new ones, and held ones that are due."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from inbox.conf import ConsumerSettings, Settings
from inbox.database import UNAVAILABLE, reconnect
from inbox.errors import Abandoned
from inbox.handling.loop import Loop
from inbox.handling.processor import Processor
from inbox.handling.routing import Routes
from inbox.handling.unit_of_work import UnitOfWork
from inbox.holding.evidence import Evidence
from inbox.holding.judge import Judge
from inbox.holding.retries import Retries
from inbox.holding.suspects import Notes
from inbox.models.held_queries import EVERYTHING, Share
from inbox.offsets import DatabaseOffsets
from inbox.pauses import EVERY_TOPIC
from inbox.source import Partition
from inbox.status.outages import Outages
from outbox_core.wire.consumed import ConsumerRecord

RETRYING = "PostgreSQL (retrying held events)"
RETRY_EVERY = 1.0


class Execution:
    """New events and held ones have the same unit of work and the same judge. ``share``: whose held events it
    retries. ``ahead``: seconds that a test has skipped.
    """

    def __init__(
        self,
        inbox: Settings,
        consumer: ConsumerSettings,
        routes: Routes,
        *,
        offsets: DatabaseOffsets,
        outages: Outages,
        evidence: Evidence,
        suspects: Notes,
        loop: Loop,
        share: Share = EVERYTHING,
        ahead: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._database, self._outages, self._loop = inbox.database, outages, loop
        self._retry_at = loop.clock()
        unit = UnitOfWork(
            consumer=consumer.name,
            offsets=offsets,
            database=inbox.database,
            idle_seconds=inbox.transaction_idle_seconds,
            ahead=ahead,
            failed=loop.failed,
        )
        self.judge = Judge(
            handlers={handler.name for handler in routes.handlers.values()},
            outages=outages,
            attempts=inbox.attempts,
            clock=loop.clock,
            evidence=evidence,
        )
        self.processor = Processor(
            routes=routes,
            unit=unit,
            judge=self.judge,
            outages=outages,
            suspects=suspects,
            loop=loop,
            retry_held=self.retry,
            batch_size=consumer.batch_size,
        )
        self.retries = Retries(
            unit=unit,
            routes=replace(routes, held=True),
            judge=self.judge,
            attempts=inbox.attempts,
            batch_size=consumer.batch_size,
            share=share,
            failed=loop.failed,
        )

    @property
    def handled(self) -> int:
        """How many events it has handled."""
        return self.processor.handled + self.retries.handled

    def process(self, records: Sequence[ConsumerRecord]) -> Iterator[Sequence[ConsumerRecord]]:
        """Handle new ones: see ``Processor``."""
        return self.processor.process(records)

    def start_over(self, partitions: Collection[Partition]) -> None:
        """These are read again from an earlier offset."""
        self.processor.start_over(partitions)

    def retry(self) -> None:
        """Retry held events that are due, if it is time."""
        began_at, paused = self._loop.clock(), self._loop.paused()
        if began_at < self._retry_at or EVERY_TOPIC in paused:
            return
        self._retry_at = began_at + RETRY_EVERY
        try:
            outcome = self.retries.run(self._loop.check_retrying, paused)
        except Abandoned:
            return  # the loop asks again, and rewinds what is in hand
        except UNAVAILABLE as error:
            self._outages.begin(RETRYING, error)
            reconnect(self._database, error)
            return
        self._outages.end(RETRYING)
        now = self._loop.clock()
        # Failing events take no more time than new ones.
        self._retry_at = now if outcome.more else now + max(RETRY_EVERY, now - began_at)
