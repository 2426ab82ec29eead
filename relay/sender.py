"""Hands waves to a publisher in a thread of its own, so that the loop goes on while they are in flight."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Event
from typing import TypeVar

from outbox_core.process.clock import boottime
from outbox_core.wire.encode import Record, topics_of
from relay.cluster.lease import Lease
from relay.errors import LeaseLost, PublisherUnavailable, Throttled
from relay.publishers.base import HandsOver, Outcome, Publisher

T = TypeVar("T")
SLICE_SECONDS = 0.05


class Sender:
    """Has at most one wave in flight.

    ``margin``: seconds of the lease that must be left when a wave is handed over.
    """

    def __init__(self, publisher: Publisher, margin: float) -> None:
        self._publisher = publisher
        self._margin = margin
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay-sender")
        self.carrying: Lease | None = None
        """The lease of the records that are, or may be, with the publisher."""
        self._since = 0.0
        self._served: dict[int, float] = {}
        self.unanswered_since = 0.0
        """Since when Kafka has not answered (CLOCK_BOOTTIME); 0 if it answered the last question."""
        self._unanswered: Collection[str] = ()
        self._answered = False
        self._first: Future[None] | None = None
        self._handed_over = Event()
        self._handed_over.set()
        self._hands_over = isinstance(publisher, HandsOver)
        if isinstance(publisher, HandsOver):
            publisher.handed_over = self._handed_over.set

    def knows_kafka(self) -> bool:
        """Whether Kafka has answered the last question. Until it has answered once, this asks it, without
        waiting. Safe in any thread.
        """
        if not self._answered and (self._first is None or self._first.done()):
            with suppress(RuntimeError):  # the sender is closed
                self._first = self._thread.submit(self._prepare, ())
        return self._answered and not self.unanswered_since

    def ask(self, tick: Callable[[], None]) -> bool:
        """Whether Kafka now answers the last unanswered question. ``tick`` is called regularly meanwhile."""
        try:
            self.prepare(self._unanswered, tick)
        except PublisherUnavailable:
            return False
        return True

    def prepare(self, topics: Collection[str], tick: Callable[[], None]) -> None:
        """Have the publisher learn of these topics. Raises PublisherUnavailable; ``tick`` as for ``ask``."""
        self.result(self._thread.submit(self._prepare, topics), tick)

    def _prepare(self, topics: Collection[str]) -> None:
        try:
            self._publisher.prepare(topics)
        except Throttled:
            self.unanswered_since = 0.0
            raise
        except PublisherUnavailable:
            self.unanswered_since = self.unanswered_since or boottime()
            self._unanswered = topics
            raise
        self.unanswered_since, self._answered = 0.0, True

    def send(self, records: Sequence[Record], lease: Lease) -> Future[list[Outcome]]:
        """Begin a wave."""
        if self._hands_over:
            self._handed_over.clear()
        return self._thread.submit(self._deliver, records, lease)

    def let_hand_over(self) -> None:
        """Wait a moment until the publisher has handed the wave to its client. Python runs one thread at a
        time, and the loop can do its next work while the wave is in flight.
        """
        self._handed_over.wait(SLICE_SECONDS)

    def _deliver(self, records: Sequence[Record], lease: Lease) -> list[Outcome]:
        try:
            return self._publish(records, lease)
        finally:
            self._handed_over.set()

    def _publish(self, records: Sequence[Record], lease: Lease) -> list[Outcome]:
        self._prepare(topics_of(records))
        if lease.remaining < self._margin:
            raise LeaseLost(f"Too little time is left of the lease on shard {lease.shard} to begin a wave.")
        self._since = boottime()
        self.carrying = lease
        try:
            outcomes = self._publisher.publish(records)
        finally:
            self.carrying = None
        if None in outcomes:
            self._served[lease.shard] = boottime()
        return outcomes

    def served_others(self, shard: int, since: float) -> bool:
        """Whether events of another shard were acknowledged since then (CLOCK_BOOTTIME)."""
        return any(at > since for other, at in self._served.items() if other != shard)

    @property
    def trouble(self) -> str:
        """Why the publisher cannot connect, if it has an attribute that says so; empty if it can."""
        return str(getattr(self._publisher, "trouble", ""))

    @property
    def seconds_under_way(self) -> float:
        """How long the publisher has had the current wave; 0 if there is none."""
        return boottime() - self._since if self.carrying is not None else 0.0

    def result(self, wave: Future[T], tick: Callable[[], None]) -> T:
        """Wait for a wave. Calls ``tick`` regularly. Raises its exceptions only when the wave is over,
        because a wave cannot be recalled.
        """
        trouble: Exception | None = None
        while not wave.done():
            if trouble is None:
                try:
                    tick()
                except Exception as error:
                    trouble = error
            wait([wave], timeout=SLICE_SECONDS)
        outcomes = wave.result()
        if trouble is not None:
            raise trouble
        return outcomes

    def settle(self, wave: Future[T], tick: Callable[[], None]) -> None:
        """Wait until a wave is over, whatever becomes of it."""
        with suppress(Exception):
            self.result(wave, tick)

    def close(self, timeout: float) -> None:
        """End the thread and the publisher's connections. Call it when no wave is in flight."""
        self._thread.shutdown(wait=True)
        self._publisher.close(timeout)
