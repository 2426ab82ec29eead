"""The senders of a relay: one, and some more if it owns several shards, whose waves then overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from outbox_core.process.clock import boottime
from relay.publishers.base import Publisher
from relay.sender import Sender

MOST = 2
"""More were not faster: one is busy in Python while the other waits for the broker."""


class Senders:
    """Each has a publisher of its own: ``another`` makes one. Without it there is one sender.

    A shard keeps its sender, and has one wave in flight at most. Shards have no key in common, so the order
    of waves of different shards does not matter.
    """

    def __init__(
        self, publisher: Publisher, margin: float, another: Callable[[], Publisher] | None = None
    ) -> None:
        self.first = Sender(publisher, margin)
        self._margin = margin
        self._another = another
        self._all = [self.first]

    def __iter__(self) -> Iterator[Sender]:
        return iter(self._all)

    def pick(self, used: Iterable[Sender]) -> Sender:
        """The sender of one more shard, if other shards have these."""
        counts = Counter(used)
        if self._another is not None and len(self._all) < MOST and all(counts[each] for each in self._all):
            self._all.append(Sender(self._another(), self._margin))
        return min(self._all, key=counts.__getitem__)

    @property
    def deadline(self) -> float | None:
        """The first deadline of a lease whose records are, or may be, with a publisher; None: there are none.
        Safe in any thread.
        """
        leases = [each.carrying for each in self._all]
        return min((lease.deadline for lease in leases if lease is not None), default=None)

    @property
    def seconds_under_way(self) -> float:
        """How long the oldest wave has been with its publisher; 0 if there is none."""
        return self._slowest.seconds_under_way

    @property
    def trouble(self) -> str:
        """Why the publisher of the oldest wave cannot connect; empty if it can."""
        return self._slowest.trouble

    @property
    def _slowest(self) -> Sender:
        return max(self._all, key=lambda each: each.seconds_under_way)

    @property
    def unanswered_seconds(self) -> float:
        """For how long Kafka has not answered; 0 if it answered the last question of each sender."""
        since = self._silent.unanswered_since
        return boottime() - since if since else 0.0

    def ask(self, tick: Callable[[], None]) -> bool:
        """Whether Kafka now answers the question that has been unanswered for longest. ``tick`` is called
        regularly meanwhile.
        """
        return self._silent.ask(tick)

    @property
    def _silent(self) -> Sender:
        """The one that has waited longest for an answer; the first one if all have theirs."""
        waiting = [each for each in self._all if each.unanswered_since]
        return min(waiting, key=lambda each: each.unanswered_since, default=self.first)

    def let_hand_over(self) -> None:
        """See ``Sender.let_hand_over``."""
        for each in self._all:
            each.let_hand_over()

    def close(self, timeout: float) -> None:
        """See ``Sender.close``."""
        for each in self._all:
            each.close(timeout)
