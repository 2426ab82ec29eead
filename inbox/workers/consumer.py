"""The loop of a consumer with workers: poll, divide by key, and store the offsets that are finished."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from inbox.conf import ConsumerSettings, Settings
from inbox.consumer import POLL_SECONDS, Consumer
from inbox.database import UNAVAILABLE
from inbox.handling.routing import Routes
from inbox.holding.suspects import Suspects
from inbox.offsets import first_offsets, next_offsets
from inbox.source import Partition, Source
from inbox.status.heartbeat import DATABASE
from inbox.status.outages import Outages
from inbox.workers.offsets import PoolOffsets
from inbox.workers.pool import Pool
from outbox_core.process.stopping import Stop
from outbox_core.wire.consumed import ConsumerRecord

BUSY_SECONDS = 0.02
"""How long to wait for records while workers are busy, and for workers while there may be records."""
STORE_EVERY = 0.2
WIDEN_EVERY = 1.0


class PoolOutages(Outages):
    """Also what the workers wait for."""

    def __init__(self, consumer: str, pool: Pool, clock: Callable[[], float]) -> None:
        super().__init__(consumer, clock)
        self._pool = pool

    @property
    def details(self) -> dict[str, str]:
        return super().details | self._pool.details

    @property
    def detail(self) -> str:
        waits = (f"{DATABASE}: {reason}" for reason in self._pool.blocked)
        return "; ".join(filter(None, [super().detail, *waits]))


class ParallelConsumer(Consumer):
    """Reads, and has workers handle. A worker commits effects and notes as a consumer without workers does.
    This process stores an offset when all before it is handled or held: at worst it is too low, and what is
    read again was noted as handled.
    """

    def __init__(
        self,
        inbox: Settings,
        consumer: ConsumerSettings,
        source: Source,
        offsets: PoolOffsets,
        routes: Routes,
        stop: Stop,
        clock: Callable[[], float],
        progress: Callable[[], None],
        *,
        pool: Pool,
        carry_operations: Callable[[], None],
    ) -> None:
        self._pool, self._rows = pool, offsets
        self._suspects = Suspects(consumer.name, inbox.database, consumer.batch_size)
        self._next: Sequence[ConsumerRecord] = ()
        self._finished: list[ConsumerRecord] = []
        self._store_at = self._widen_at = clock()
        super().__init__(
            *(inbox, consumer, source, offsets, routes, stop, clock),
            progress=lambda: pool.attend(progress),
            carry_operations=carry_operations,
        )

    def _set_up_handling(self, inbox: Settings, consumer: ConsumerSettings, *_: object) -> None:
        """The workers handle."""
        self._outages = PoolOutages(consumer.name, self._pool, self._clock)

    @property
    def workers(self) -> int:
        return self._pool.count

    @property
    def handled(self) -> int:
        return self._pool.handled

    def tick(self) -> None:
        """One round: receive what the workers say, give them more, store what is finished."""
        self._progress()
        self._heartbeat.beat()
        self._commits.check()
        self._pool.receive(0.0 if self._pool.room else BUSY_SECONDS)
        if self._pool.has_moved:
            self._commits.read_again()
        if self._pauses.have_changed or self._seeks.is_new:
            self._change_course()
        self._give_more()
        self._store()

    def _change_course(self) -> None:
        """A person has paused, resumed or moved the consumer: for that, nothing may be in hand."""
        self._leave_all()
        self._pauses.heed()
        self._pool.skip(self._pauses.topics)
        self._seeks.carry_out()

    def _give_more(self) -> None:
        room = self._pool.room
        if not room:
            self._widen()
            self._keep_alive()
            return
        if self._next:
            self._keep_alive()
        else:
            self._next = self._fetch()
        records = self._next[:room]
        if records:
            try:
                dead = self._suspects.begin(records, self._pool.windows.records)
            except UNAVAILABLE as error:
                self._database_failed(error)
                self._rest(next(self._delays))
                self._keep_alive()
            else:
                self._next = self._next[room:]
                self._pool.give(records, dead)

    def _keep_alive(self) -> None:
        if not self._stay_member():
            self._abandon()

    def _widen(self) -> None:
        """If nothing is finished for a while, a later event may succeed."""
        if self._clock() >= self._widen_at:
            self._widen_at = self._clock() + WIDEN_EVERY
            self._pool.widen()

    def _fetch(self) -> Sequence[ConsumerRecord]:
        """New records. What a rebalance has taken away, or what begins again, is not in hand any more."""
        before = {*self._source.partitions()}
        seconds = BUSY_SECONDS if self._pool.in_hand else POLL_SECONDS
        records = self._read(lambda: self._source.poll(seconds))
        if begun := self._rows.take_begun():
            self._pool.windows.forget(begun)
            self._commits.forget(begun)
            self._finished = [record for record in self._finished if record.place not in begun]
        if not before <= {*self._source.partitions()}:
            self._next = records
            self._abandon()
            return ()
        return records

    def _rest(self, seconds: float) -> None:
        self._pool.receive(seconds)

    def _abandon(self) -> None:
        """Partitions were revoked: what is not finished is read again, here or by others. Effects that a
        transaction has still in hand come once, because each event is claimed.
        """
        self._store(now=True)
        self._rewind()
        self._pool.drop()

    def _rewind(self) -> None:
        """Have all that is in hand delivered again."""
        records = [*self._pool.windows.records, *self._next]
        with suppress(*UNAVAILABLE):
            self._suspects.drop(records)
        self._pool.windows.clear()
        self._next = ()
        self._source.rewind(first_offsets(records, {}))

    def _leave_all(self) -> None:
        """Wait for the transactions that run. What is not finished then is read again."""
        self._pool.drop()
        self._await_workers()
        self._store(now=True)
        self._rewind()

    def _await_workers(self) -> None:
        while not self._pool.is_settled:
            self._pool.receive(BUSY_SECONDS)
            self._stay_member()

    def _start_over(self, partitions: Collection[Partition]) -> None:
        self._pool.drop(reload=True)
        self._await_workers()
        self._rows.forget_workers()
        self._finished.clear()
        self._rewind()
        with suppress(*UNAVAILABLE):
            self._suspects.forget(partitions)

    def _store(self, *, now: bool = False) -> None:
        """Store the offsets up to which all is finished."""
        self._finished += self._pool.windows.advance()
        self._in_hand = self._pool.in_hand + len(self._next)
        due = now or not self._pool.in_hand or self._clock() >= self._store_at
        if not due or not self._finished:
            return
        self._store_at = self._clock() + STORE_EVERY
        finished, self._finished = self._finished, []
        self._commits.add(next_offsets(finished))
        try:
            self._suspects.end(finished)
        except UNAVAILABLE as error:
            self._outages.begin(DATABASE, error)

    def _finish(self) -> None:
        self._leave_all()
        self._pool.end()
        with suppress(*UNAVAILABLE):
            self._rows.remove_workers()
