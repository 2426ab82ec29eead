"""A page of each shard: while the wave of one is in flight, others with another sender go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, wait

from outbox_core.process.clock import boottime
from relay.context import Context
from relay.sender import SLICE_SECONDS
from relay.senders import Senders
from relay.shard.owned import OwnedShard

TURN_SECONDS = 0.1
"""A wave that takes longer stays in flight, and the loop does what must not wait."""


class Overlapping:
    """Gives shards their turns. Those that share a sender publish one after the other."""

    def __init__(self, senders: Senders, context: Context) -> None:
        self._senders = senders
        self._context = context

    def turn(self, shards: Iterable[OwnedShard], *, go_on: bool) -> bool:
        """Publish a page of each; a wave that takes long stays in flight. With ``go_on``, a shard that has
        more begins its next page while others are in flight, so that no sender waits for another one. Returns
        whether there was anything to do.
        """
        queues = self._queues(shards)
        left = {shard for queue in queues for shard in queue}
        busy, until = False, boottime() + TURN_SECONDS
        while True:
            for queue in queues:
                busy = self._advance(queue, left, go_on=go_on) or busy
            waves = [queue[0].wave for queue in queues if queue and queue[0].wave is not None]
            if not left or self._context.stopping() or boottime() >= until:
                return busy or bool(waves)
            if all(queue[0].is_waiting for queue in queues if queue):
                wait(waves, SLICE_SECONDS, FIRST_COMPLETED)
                self._context.tick()

    def _queues(self, shards: Iterable[OwnedShard]) -> list[deque[OwnedShard]]:
        """By sender. What is in flight comes first, then the shard that has waited longest."""
        queues: dict[int, deque[OwnedShard]] = {}
        for shard in sorted(shards, key=lambda each: each.began_at):
            queue = queues.setdefault(id(shard.sender), deque())
            (queue.append if shard.wave is None else queue.appendleft)(shard)
        return list(queues.values())

    def _advance(self, queue: deque[OwnedShard], left: set[OwnedShard], *, go_on: bool) -> bool:
        """Until a wave is in flight, or every shard of this sender has had its page. One that may go on does
        so when the other senders have had their turn.
        """
        busy = False
        if queue and not queue[0].is_waiting:
            self._senders.let_hand_over()
        while queue and not queue[0].is_waiting and not self._context.stopping():
            self._context.tick()
            busy = queue[0].turn() or busy
            if queue[0].wave is not None:
                continue
            shard = queue.popleft()
            left.discard(shard)
            if go_on and left and not queue and shard.more:
                queue.append(shard)
                break
        return busy
