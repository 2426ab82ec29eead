"""Publishing the events of one owned shard: a page at a time, in waves; the position moves after
each wave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from outbox.cloudevents import Record
from outbox_core.process.backoff import Backoff
from outbox_core.process.clock import boottime
from relay import signals
from relay.checkpoint import Checkpoints, Tally
from relay.crew import Crew
from relay.errors import Fenced, HoldLifted, PublisherUnavailable
from relay.holds import Holds
from relay.lease import Lease
from relay.log import Log
from relay.position import Position
from relay.publishers.base import Failure, Outcome, Trouble
from relay.releases import Releases
from relay.session import Session
from relay.work import Work

KEEP_CHECKPOINTS_SECONDS = 120.0


class OwnedShard:
    """A shard under lease. ``step`` publishes one page. Nothing here outlives the lease or the session."""

    def __init__(self, session: Session, lease: Lease, crew: Crew) -> None:
        config = crew.settings
        self.lease = lease
        self._crew = crew
        self._holds = Holds(session, lease, config)
        self._checkpoints = Checkpoints(session, lease)
        self._checkpoints.confirm()
        self._log = Log(session, lease, rows=config.page_rows, size=config.page_bytes, tick=crew.tick)
        self._publishing = Backoff(config.backoff_seconds)
        self._releases = Releases(crew, self._holds, self._checkpoints, self._deliver)
        self._work: Work | None = None
        self._next: Work | None = None

    @property
    def trouble(self) -> str:
        """Why some of its events cannot be published for now; empty if all can."""
        return self._publishing.trouble or self._releases.backoff.trouble

    def turn(self) -> bool:
        """``step``, unless an outage makes that useless for now.

        If other shards make progress, a failing shard may not use more of the sender's time than they do.
        """
        if self._publishing.left:
            return False
        began = boottime()
        try:
            busy = self.step()
        except PublisherUnavailable as error:
            since = self._publishing.failed_at or began
            others = self._crew.courier.served_others(self.lease.shard, since)
            self._publishing.failed(str(error), at_least=boottime() - began if others else 0.0)
            return False
        self._publishing.passed()
        return busy

    def step(self) -> bool:
        """Publish the next page. Whether there was one; if so, the caller need not sleep.

        Raises:
            PublisherUnavailable: an outage. The next step begins with what is not acknowledged.
            LeaseLost: this relay no longer owns the shard, or the database has crashed meanwhile. Acquire the
            shard again.
        """
        work = self._work or self._next or self._read(self._checkpoints.position)
        self._next, work.scopes = None, None
        if work.page.token not in (None, self._checkpoints.token):
            raise Fenced(
                f"The database of shard {self.lease.shard} has been through a crash recovery or a promotion."
            )
        if not work.page.rows:
            return self._skip(work.page.end)
        self._work = work
        while not work.finished:
            self._crew.tick()
            self._wave(work)
            if self._crew.stopping():
                return True
        self._work = None
        return True

    def _read(self, position: Position) -> Work:
        page = self._log.read(position)
        return Work(page, {row.id: self._crew.encode(row) for row in page.rows})

    def _skip(self, end: Position) -> bool:
        """There is nothing to publish up to here. An empty poll moves nothing; the empty end of a window
        moves the position.
        """
        moved = end != self._checkpoints.position
        if moved:
            self._checkpoints.move(end, Tally())
        return moved

    def _wave(self, work: Work) -> None:
        if work.scopes is None:
            work.scopes = self._holds.scopes(work.page.rows)
        wave = work.wave()
        if wave:
            records = [work.records[row.id] for row in wave]
            outcomes = self._deliver(records, meanwhile=partial(self._read_ahead, work))
            failure = work.note(wave, outcomes)
        else:
            failure, outcomes = None, []
        if self._advance(work) and failure is not None:
            self._face(failure, work, len(outcomes))

    def _deliver(
        self, records: Sequence[Record], *, meanwhile: Callable[[], None] | None = None
    ) -> list[Outcome]:
        sent = self._crew.courier.send(records, self.lease)
        return self._crew.courier.result(sent, self._crew.tick, meanwhile=meanwhile)

    def _read_ahead(self, work: Work) -> None:
        if work.page.more and self._next is None:
            self._next = self._read(work.page.end)

    def _advance(self, work: Work) -> bool:
        """Move the position over what is acknowledged or held. False if a hold was released after it was
        looked up: its events are looked at again.
        """
        prefix = work.prefix()
        if prefix is None:
            return True
        try:
            self._checkpoints.move(prefix.position, prefix.carried, aside=prefix.aside)
        except HoldLifted:
            work.scopes = None
            return False
        work.step_over(prefix)
        signals.wave_published.send(
            type(self), lease=self.lease, tally=prefix.carried, aside=len(prefix.aside)
        )
        return True

    def _face(self, failure: Failure, work: Work, sent: int) -> None:
        """Decide about the first record that was not acknowledged: wait, isolate it, or hold what
        it touches.
        """
        if failure.trouble is Trouble.RECORD and work.isolate(sent):
            return
        work.scopes = None
        if failure.trouble is Trouble.TRANSIENT:
            raise PublisherUnavailable(failure.detail)
        self._holds.make(work.page.rows[work.done], failure)

    def tidy(self) -> None:
        """Turn old checkpoints into statistics; to be called once in a while."""
        while self._checkpoints.roll_up(KEEP_CHECKPOINTS_SECONDS) and not self._crew.stopping():
            self._crew.tick()

    def release(self) -> bool:
        """Publish some events of the holds that are due. Whether anything was done. Raises LeaseLost as
        ``step`` does.
        """
        return self._work is None and self._releases.turn()
