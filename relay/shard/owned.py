"""Publishing the events of one owned shard: a page at a time, in waves; the position moves after
each wave.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future

from outbox.log.position import Position, Snapshot
from outbox_core.process.backoff import Backoff
from outbox_core.process.clock import boottime
from outbox_core.wire.encode import Record, Row
from relay import signals
from relay.cluster.lease import Lease
from relay.context import Context
from relay.errors import Fenced, HoldReleased, PublisherUnavailable
from relay.holds.release import HoldReleases
from relay.holds.table import Holds
from relay.log.checkpoint import Checkpoints, Tally
from relay.log.news import News
from relay.log.reader import POLL_FACTOR, Log
from relay.log.session import Session
from relay.log.stretches import Stretches
from relay.publishers.base import Failure, Outcome, Trouble
from relay.shard.in_flight import InFlight
from relay.shard.page_size import PageSize

KEEP_CHECKPOINTS_SECONDS = 120.0
UNWRITABLE = (Trouble.TOPIC_MISSING, Trouble.TOPIC_FORBIDDEN, Trouble.NOT_ENOUGH_REPLICAS)


class OwnedShard:
    """A shard under lease. ``step`` publishes one page, and ``turn`` the same without waiting for its waves.
    The object ends with the lease or the session.
    """

    def __init__(self, session: Session, lease: Lease, context: Context, stretches: Stretches) -> None:
        config = context.settings
        self.lease = lease
        self.sender = context.sender
        self.wave: Future[list[Outcome]] | None = None
        """Its wave in flight, until ``turn`` has taken the outcomes."""
        self._page: Generator[Future[list[Outcome]], None, bool] | None = None
        self.began_at = 0.0
        """When it began its last page (CLOCK_BOOTTIME)."""
        self._ends = False
        self._context = context
        self._holds = Holds(session, lease, config)
        self._checkpoints = Checkpoints(session, lease)
        self._checkpoints.confirm()
        rows, size = config.page_rows, config.page_bytes
        self._log = Log(session, lease, stretches, context.link, rows=rows, size=size)
        self._page_size = PageSize(config.page_rows)
        self._publishing = Backoff(config.backoff_seconds)
        self._hold_releases = HoldReleases(context, self._holds, self._checkpoints, self._deliver)
        self._in_flight: InFlight | None = None
        self._next: InFlight | None = None
        self.idle_at: Snapshot | None = None
        """Up to here, nothing of it is left to publish: it is idle. None if it is not."""
        self._passed_over = 0
        """How many events of other shards were committed since its position."""

    @property
    def trouble(self) -> str:
        """Why some of its events cannot be published for now; empty if all can."""
        return self._publishing.trouble or self._hold_releases.backoff.trouble

    @property
    def more(self) -> bool:
        """Whether it is known that there is more to publish now."""
        return self._checkpoints.position.hi is not None and not self._publishing.trouble

    def take(self, news: News) -> None:
        """It stays idle if the news does not concern it. Its position stays behind, and may not stay too
        far behind, because the next poll reads from there.
        """
        self._passed_over += len(news.buckets)
        if (
            news.token != self._checkpoints.token
            or news.concerns(self.lease.first, self.lease.last)
            or self._passed_over > POLL_FACTOR * self._context.settings.page_rows
        ):
            self.idle_at = None
        elif self.idle_at is not None:
            self.idle_at = news.now

    def turn(self) -> bool:
        """Continue ``step`` until a wave is in flight or the page is published, unless an outage makes it
        useless now. Raises LeaseLost as ``step`` does. Returns whether there was anything to do.

        If other shards make progress, a failing shard may not use more of the sender's time than they do.
        """
        if self._publishing.left:
            return False
        try:
            busy = self._go_on()
        except PublisherUnavailable as error:
            since = self._publishing.failed_at or self.began_at
            others = self.sender.served_others(self.lease.shard, since)
            self._publishing.failed(str(error), at_least=boottime() - self.began_at if others else 0.0)
            return False
        if self.wave is None:
            self._publishing.passed()
        return busy

    @property
    def is_waiting(self) -> bool:
        """Whether its wave is not over yet."""
        return self.wave is not None and not self.wave.done()

    def end(self) -> None:
        """Wait for the wave in flight, and move the position over it. Raises as ``step`` does."""
        self._ends = True
        if self.wave is not None:
            self._go_on()

    def abandon(self) -> None:
        """Wait for the wave in flight, which cannot be recalled. The position stays."""
        if self.wave is not None:
            self.sender.settle(self.wave, self._context.tick)

    def _go_on(self) -> bool:
        if self._page is None:
            self.began_at, self._page = boottime(), self._publish_page()
        self.wave, page, self._page = None, self._page, None
        try:
            self.wave = next(page)
        except StopIteration as end:
            return bool(end.value)
        self._page = page
        return True

    def step(self) -> bool:
        """Publish the next page. Returns whether there was one; then the caller need not sleep.

        Raises:
            PublisherUnavailable: an outage. The next step begins with what is not acknowledged.
            LeaseLost: this relay no longer owns the shard, or the database has crashed meanwhile. Acquire the
            shard again.
        """
        busy = self._go_on()
        while self.wave is not None:
            busy = self._go_on()
        return busy

    def _publish_page(self) -> Generator[Future[list[Outcome]], None, bool]:
        """``step``, which yields each wave in flight. Continued before the wave is over, it waits."""
        self.idle_at, self._passed_over = None, 0
        in_flight = self._in_flight or self._next or self._read(self._checkpoints.position)
        if in_flight is self._next:
            self._next = None
        in_flight.scopes = None
        if in_flight.page.token not in (None, self._checkpoints.token):
            raise Fenced(
                f"The database of shard {self.lease.shard} was restarted after a crash, or promoted."
            )
        if not in_flight.page.rows:
            self.idle_at = in_flight.page.seen
            return self._skip(in_flight.page.end)
        self._in_flight = in_flight
        while not in_flight.finished:
            self._context.tick()
            yield from self._wave(in_flight)
            if self._ends or self._context.stopping():
                return True
        self._in_flight = None
        return True

    def _read(self, position: Position) -> InFlight:
        began = boottime()
        page = self._log.read(position, self._page_size.rows)
        signals.page_read.send(type(self), lease=self.lease, rows=len(page.rows), seconds=boottime() - began)
        self.sender.let_hand_over()
        return InFlight(page, self._context.encode.page(page.rows))

    def _skip(self, end: Position) -> bool:
        """Nothing is left to publish up to here. An empty poll moves nothing. The empty end of a window moves
        the position.
        """
        moved = end != self._checkpoints.position
        if moved:
            self._checkpoints.move(end, Tally())
        return moved

    def _wave(self, in_flight: InFlight) -> Generator[Future[list[Outcome]], None, None]:
        if in_flight.scopes is None:
            in_flight.scopes = self._holds.scopes(in_flight.page.each())
        wave = in_flight.wave()
        outcomes: list[Outcome] = []
        if wave:
            records = in_flight.records_of(wave)
            began, sent = boottime(), self.sender.send(records, self.lease)
            self._read_ahead(in_flight, sent)
            yield sent
            outcomes = self._outcomes(records, sent, began)
        failures = in_flight.note(wave, outcomes)
        if in_flight.limit is None and not failures:
            self._page_size.took(len(outcomes), len(wave))
        if self._advance(in_flight) and failures:
            self._handle_failures(failures, in_flight, len(outcomes))

    def _deliver(self, records: Sequence[Record]) -> list[Outcome]:
        began, sent = boottime(), self.sender.send(records, self.lease)
        return self._outcomes(records, sent, began)

    def _outcomes(
        self, records: Sequence[Record], sent: Future[list[Outcome]], began: float
    ) -> list[Outcome]:
        outcomes = self.sender.result(sent, self._context.tick)
        signals.wave_sent.send(
            type(self), lease=self.lease, records=records[: len(outcomes)], seconds=boottime() - began
        )
        return outcomes

    def _read_ahead(self, in_flight: InFlight, sent: Future[list[Outcome]]) -> None:
        if not in_flight.page.more or self._next is not None or sent.done():
            return
        try:
            self._next = self._read(in_flight.page.end)
        except Exception:
            self.sender.settle(sent, self._context.tick)
            raise

    def _advance(self, in_flight: InFlight) -> bool:
        """Move the position over what is acknowledged or held. False if a hold ended after it was read: then
        its events are checked again.
        """
        prefix = in_flight.prefix()
        if prefix is None:
            return True
        try:
            self._checkpoints.move(prefix.position, prefix.carried, held=prefix.held)
        except HoldReleased:
            in_flight.scopes = None
            return False
        in_flight.step_over(prefix)
        return True

    def _handle_failures(
        self, failures: Mapping[str, tuple[Row, Failure]], in_flight: InFlight, sent: int
    ) -> None:
        """Decide about the records that were not acknowledged, by the first of them: wait, isolate it, or
        hold its scope. Topics that cannot be written are held together, however many they are.
        """
        row, first = next(iter(failures.values()))
        if first.trouble is Trouble.RECORD and in_flight.isolate(sent):
            return
        in_flight.scopes = None
        if first.trouble is Trouble.RETRIABLE:
            raise PublisherUnavailable(first.detail)
        self._holds.make(row, first)
        for other, failure in failures.values():
            if other is not row and failure.trouble in UNWRITABLE:
                self._context.tick()
                self._holds.make(other, failure)

    def roll_up(self) -> None:
        """Turn old checkpoints into statistics. Call it now and then."""
        while self._checkpoints.roll_up(KEEP_CHECKPOINTS_SECONDS) and not self._context.stopping():
            self._context.tick()

    def release(self) -> bool:
        """Publish some events of the holds that are due, unless a page is in flight. Returns whether anything
        was done. Raises LeaseLost as ``step`` does.
        """
        return self._page is None and self._in_flight is None and self._hold_releases.turn()

    @property
    def is_releasing(self) -> bool:
        """Whether ``release`` has begun something that the next call ends."""
        return self._hold_releases.has_begun
