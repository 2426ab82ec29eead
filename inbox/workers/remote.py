"""A worker as the consumer sees it: a process that is started again, and what it has in hand."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from inbox.workers.channel import (
    TO_CONSUMER,
    Began,
    Blocked,
    Channel,
    Drop,
    Dropped,
    Figure,
    Finished,
    Paused,
    Start,
    State,
    ToConsumer,
    ToWorker,
    Work,
)
from inbox.workers.in_flight import InFlight
from outbox_core.process.child import Child
from outbox_core.process.exit_codes import ExitCode
from outbox_core.process.supervised import Supervised

WorkerLine = Callable[[Supervised, int], Sequence[str]]
"""The command line of a worker. The second argument is the file descriptor of its channel."""


class Remote(Child):
    """What a worker has in hand when it ends goes to its successor, in order. If it died with one of its
    first ``most`` events, those that it was just handling are suspects: ``Suspects`` has the same rule.
    """

    noun = "Worker"

    def __init__(self, number: int, command: WorkerLine, most: int) -> None:
        super().__init__(number, lambda supervised: command(supervised, self._far))
        self._most = most
        self._far = -1
        self._began: Began | None = None
        self._finished = self._handled = self._handled_before = 0
        self._epoch = self._dropped = 0
        self._reloads = False
        self._paused: list[str] = []
        self.queue: deque[InFlight] = deque()
        """What it has in hand, in the order in which it finishes that."""
        self.channel: Channel[ToConsumer] | None = None
        self.outages: dict[str, str] = {}
        self.blocked = ""
        """What a statement of it waits for."""
        self.figures: list[Figure] = []
        self.commits = 0

    @property
    def handled(self) -> int:
        """How many events it and its predecessors have handled."""
        return self._handled_before + self._handled

    @property
    def is_settled(self) -> bool:
        """Whether it has dropped what it was asked to drop."""
        return self._dropped == self._epoch

    def start(self, *descriptors: int) -> None:
        self.has_gone()
        self._suspect()
        ours, theirs = socket.socketpair()
        with theirs:
            self._far = theirs.fileno()
            try:
                super().start(self._far, *descriptors)
            except OSError:
                ours.close()
                raise
        self.channel, self._finished = Channel(ours, TO_CONSUMER), 0
        self.post(Start(self._epoch, self.commits, self._paused))
        self._send(self.queue)

    def give(self, records: Sequence[InFlight]) -> None:
        """It handles these next."""
        self.queue += records
        self._send(records)

    def drop(self, epoch: int, *, reload: bool) -> None:
        """It leaves what it has in hand, after the transaction that runs. It is settled then."""
        self._epoch, self._reloads = epoch, reload
        if self.channel is None:
            self._drop_before(epoch)
        self.post(Drop(epoch, reload))

    def skip(self, topics: Iterable[str]) -> None:
        """It retries no held events of these topics."""
        self._paused = sorted(topics)
        self.post(Paused(self._paused))

    def post(self, message: ToWorker) -> None:
        """Nothing happens if it does not run: its successor begins with ``Start``."""
        if self.channel is not None:
            self.channel.send(message)

    def take(self, message: ToConsumer) -> None:
        """What it says of itself."""
        match message:
            case Began():
                self._began = message
            case Finished(count, commits):
                self._finished += count
                self.commits = commits
                for _ in range(count):
                    self.queue.popleft().finish()
            case Dropped(epoch):
                self._drop_before(epoch)
            case Blocked(reason):
                self.blocked = reason
            case State(outages, handled, figures):
                self.outages, self._handled, self.blocked = outages, handled, ""
                self.figures += figures

    def has_gone(self) -> None:
        """Its end of the channel is closed. All that it has said before was received."""
        if self.channel is not None:
            self.channel.close()
            self.channel = None
        self._handled_before, self._handled = self.handled, 0
        self.outages, self.blocked = {}, ""
        self._drop_before(self._epoch)

    def _drop_before(self, epoch: int) -> None:
        self._dropped = epoch
        if self._reloads:
            self._reloads, self.commits = False, 0
        while self.queue and self.queue[0].epoch < epoch:
            self.queue.popleft()

    def _suspect(self) -> None:
        """Before another process takes over: find what may have killed the last one."""
        began, self._began = self._began, None
        if began is None or self._finished >= self._most or self.code == ExitCode.CLEAN:
            return
        place = began.topic, began.partition, began.offset
        for last, each in enumerate(self.queue):
            if (*each.record.place, each.record.offset) == place:
                for suspect in [*self.queue][: last + 1]:
                    suspect.suspect = True

    def _send(self, records: Iterable[InFlight]) -> None:
        for is_suspect, group in groupby(records, attrgetter("suspect")):
            self.post(Work([each.record for each in group], is_suspect))
