"""The workers of a consumer, as the process that reads sees them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Sequence

from inbox.handling.pace import FIRST, GROWTH
from inbox.source import Partition
from inbox.workers.channel import Fact, Figure, Finished, Moved, ToConsumer, await_messages
from inbox.workers.in_flight import InFlight, Windows, share
from inbox.workers.remote import Remote, WorkerLine
from outbox_core.process.supervisor import Supervisor
from outbox_core.wire.consumed import ConsumerRecord

logger = logging.getLogger("inbox")
AHEAD = 20
"""So many times as many records as workers can have in hand are read while a slow one holds an offset up."""
WAITING = 4
"""So many times as many are read while some workers have enough and others do not."""


class Pool:
    """``count`` workers, and what they have in hand. ``batch_size``: the most events of one transaction.
    ``committed`` is called with the number of a worker and how many transactions it has reported, ``figure``
    with what it counts for the metrics.
    """

    def __init__(
        self,
        count: int,
        command: WorkerLine,
        *,
        batch_size: int,
        seconds: float,
        committed: Callable[[int, int], None],
    ) -> None:
        self.count = count
        self._remotes = [Remote(number, command, batch_size) for number in range(1, count + 1)]
        self._supervisor = Supervisor(self._remotes, logger, seconds=seconds)
        self._committed = committed
        self.figure: Callable[[Figure], None] = lambda figure: None
        self._epoch = 0
        self._most = batch_size * count
        self._size = min(FIRST * GROWTH * count, self._most)
        self._finished = 0
        self.windows = Windows()
        self.has_moved = False
        """Whether a worker has found that the database went back in time."""

    @property
    def in_hand(self) -> int:
        """How many records the workers have not finished."""
        return sum(len(remote.queue) for remote in self._remotes)

    @property
    def handled(self) -> int:
        return sum(remote.handled for remote in self._remotes)

    @property
    def room(self) -> int:
        """How many more they can take; 0 if that is not worth a note. What a worker has beyond its share, as
        of a key with very many events, takes no room from the others. They get few at first, as the first
        batches of a process are small.
        """
        enough = self._size // len(self._remotes)
        taken = sum(min(len(remote.queue), enough) for remote in self._remotes)
        in_memory = WAITING * self._size - self.in_hand
        room = min(self._size - taken, in_memory, AHEAD * self._most - len(self.windows))
        return room if room >= min(FIRST, self._size // 4 or 1) else 0

    @property
    def is_settled(self) -> bool:
        """Whether nobody has anything in hand that was dropped."""
        return all(remote.is_settled for remote in self._remotes)

    @property
    def details(self) -> dict[str, str]:
        """What the workers wait for, and which of them do not run. Safe in any thread."""
        found = {what: detail for remote in self._remotes for what, detail in [*remote.outages.items()]}
        away = {f"worker {each.number}": each.unready for each in self._remotes if each.unready}
        return found | {what: f"{what}: {why}" for what, why in away.items()}

    @property
    def blocked(self) -> list[str]:
        """What statements of the workers wait for, each reason once."""
        return sorted({remote.blocked for remote in self._remotes if remote.blocked})

    def leave(self, code: int) -> None:
        """End all workers and this process at once. Safe in any thread."""
        self._supervisor.leave(code)

    def attend(self, progress: Callable[[], None]) -> None:
        """Start what does not run. ``progress`` is called when all have made progress since the last time."""
        if (hopeless := self._supervisor.attend()) is not None:
            sys.exit(hopeless.code)
        self._supervisor.pass_on(progress)

    def give(self, records: Sequence[ConsumerRecord], dead: Iterable[Partition]) -> None:
        """Have these handled. ``dead``: a process died while it handled records of these partitions."""
        suspects = {*dead}
        given = [InFlight(record, self._epoch, record.place in suspects) for record in records]
        for each in given:
            self.windows.add(each)
        for remote, records_of_it in zip(self._remotes, share(given, len(self._remotes)), strict=True):
            if records_of_it:
                remote.give(records_of_it)

    def widen(self) -> None:
        """Let them have more in hand."""
        self._size, self._finished = min(self._size * GROWTH, self._most), 0

    def drop(self, *, reload: bool = False) -> None:
        """They leave what they have in hand, each after the transaction that runs. ``reload``: the database
        may have gone back in time.
        """
        self._epoch += 1
        if reload:
            self.has_moved = False
        for remote in self._remotes:
            remote.drop(self._epoch, reload=reload)

    def skip(self, topics: Iterable[str]) -> None:
        """They retry no held events of these topics."""
        for remote in self._remotes:
            remote.skip(topics)

    def receive(self, seconds: float) -> None:
        """Receive what the workers say. Waits until one of them says something, so long at most."""
        running = {remote.channel: remote for remote in self._remotes if remote.channel is not None}
        await_messages([*running], seconds)
        for channel, remote in running.items():
            for message in channel.receive():
                self._take(remote, message)
            if channel.closed:
                remote.has_gone()

    def _take(self, remote: Remote, message: ToConsumer) -> None:
        remote.take(message)
        match message:
            case Fact():
                for other in self._remotes:
                    if other is not remote:
                        other.post(message)
            case Finished(count):
                self._committed(remote.number, remote.commits)
                self._finished += count
                if self._finished * GROWTH >= self._size:
                    self.widen()
            case Moved():
                self.has_moved = True
        while remote.figures:
            self.figure(remote.figures.pop())

    def end(self) -> None:
        """Ask all to end, and wait for them."""
        self._supervisor.end()
