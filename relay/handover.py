"""Letting another relay try, where this one alone may be cut off from Kafka."""

from __future__ import annotations

from collections.abc import Callable, Collection

from relay.clock import boottime
from relay.courier import Courier
from relay.shard import OwnedShard

PATIENCE_SECONDS = 15.0
PROBE_EVERY_SECONDS = 2.0
STAND_BACK_SECONDS = 30.0
LONGEST_SECONDS = 600.0


class Handover:
    """Whether a relay lets go of its shards, and takes part again. Not before Kafka answers it; and later and
    later where Kafka answers, and still takes nothing.

    In an outage for all, nobody else is in good health: who owns the shards then goes on trying.
    """

    def __init__(self, courier: Courier) -> None:
        self.trouble = ""
        self._courier = courier
        self._topics: set[str] = set()
        self._made_at = self._probe_at = 0.0
        self._stand_back = STAND_BACK_SECONDS

    def is_due(self, shards: Collection[OwnedShard]) -> bool:
        """Whether for long nothing has reached Kafka, of no shard that has anything to publish."""
        since = [shard.cut_off_since for shard in shards if shard.trouble]
        known = [at for at in since if at is not None]
        if not known or len(known) < len(since) or max(known) <= self._courier.served_at:
            return False
        return boottime() - max(known) >= PATIENCE_SECONDS

    def make(self, shards: Collection[OwnedShard]) -> None:
        """Note what it takes to end it."""
        if self._courier.served_at > self._made_at:
            self._stand_back = STAND_BACK_SECONDS
        self.trouble = next(shard.trouble for shard in shards if shard.trouble)
        self._topics = {topic for shard in shards for topic in shard.topics}
        self._made_at = boottime()
        self._probe_at = self._made_at + self._stand_back
        self._stand_back = min(2 * self._stand_back, LONGEST_SECONDS)

    def is_over(self, tick: Callable[[], None]) -> bool:
        """Whether this relay may own shards. ``tick`` is called again and again while Kafka is asked."""
        if self._topics and boottime() >= self._probe_at:
            self._probe_at = boottime() + PROBE_EVERY_SECONDS
            if self._courier.reaches(self._topics, tick):
                self._topics = set()
        return not self._topics
