"""What is known about a topic: the largest batch, and whether it can be written. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relay.publishers.base import BATCH_HEADER, Failure, Trouble

MAX_MESSAGE_BYTES = "max.message.bytes"
"""The option of a topic that limits its batches."""
MIN_IN_SYNC = "min.insync.replicas"
"""The option of a topic that says how many replicas must be in sync for a write with acks=all."""
LIMITS = (MAX_MESSAGE_BYTES, MIN_IN_SYNC)
Limits = Mapping[str, int]
"""What is known of these options of one topic."""

_REMEDIES = {
    Trouble.TOPIC_MISSING: "Topic {!r} does not exist: create it, or let the broker create topics.",
    Trouble.NOT_ENOUGH_REPLICAS: "Topic {!r} has fewer replicas in sync than min.insync.replicas asks for: "
    "bring its brokers back, or lower min.insync.replicas.",
    Trouble.TOPIC_FORBIDDEN: "The broker forbids the relay to write to topic {!r}: grant WRITE and DESCRIBE.",
}
_LEADERLESS = "Topic {!r} has a partition without a leader: bring the brokers of its replicas back."


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the broker last described it.

    ``replicas`` says how many replicas its partitions have in sync, and in all, without the partitions that
    have no leader; ``leaderless`` is whether there are such. ``max_bytes`` is the largest batch that it takes
    (max.message.bytes), None if this client may not ask. Then ``narrowed_to`` is tried after a larger batch
    was refused.
    """

    name: str
    max_bytes: int | None = None
    trouble: Trouble | None = None
    detail: str = ""
    narrowed_to: int | None = None
    replicas: frozenset[tuple[int, int]] = frozenset()
    leaderless: bool = False

    def limited(self, limits: Limits) -> Topic:
        """The same topic with its options, without those that this client may not ask for."""
        least = limits.get(MIN_IN_SYNC, 0)  # brokers ask for no more than there are in all (KIP-966)
        short = any(in_sync < min(least, every) for in_sync, every in self.replicas)
        trouble = self.trouble or (Trouble.NOT_ENOUGH_REPLICAS if short else None)
        return replace(self, max_bytes=limits.get(MAX_MESSAGE_BYTES), trouble=trouble)

    def without_leader(self) -> Topic:
        """The same topic, which cannot be written because a partition has no leader."""
        detail = self.detail or _LEADERLESS.format(self.name)
        return replace(self, trouble=self.trouble or Trouble.NOT_ENOUGH_REPLICAS, detail=detail)

    def refusal(self, batch_bytes: int) -> Failure | None:
        """Why a batch of so many bytes cannot be written, if that is known."""
        if self.trouble is not None:
            return Failure(self.trouble, self.detail or _REMEDIES[self.trouble].format(self.name))
        if self.is_too_small_for(batch_bytes):
            return Failure(
                Trouble.RECORD,
                f"The record has {batch_bytes:,} bytes; topic {self.name!r} takes {self.max_bytes:,} "
                "(max.message.bytes).",
            )
        return None

    def is_too_small_for(self, batch_bytes: int) -> bool:
        """Whether its limit is known and smaller than that."""
        return self.max_bytes is not None and batch_bytes > self.max_bytes

    def room(self, batch_bytes: int) -> int:
        """How many bytes fit into a batch, if batches have at most ``batch_bytes``."""
        return min(batch_bytes, self.max_bytes or batch_bytes, self.narrowed_to or batch_bytes) - BATCH_HEADER


def internal(name: str) -> Topic:
    """A topic of Kafka itself, such as ``__consumer_offsets``: no client may write to it."""
    return Topic(
        name,
        trouble=Trouble.TOPIC_FORBIDDEN,
        detail=f"Topic {name!r} is internal to Kafka. Use another topic, and discard these events.",
    )


def unnameable(name: str) -> Topic:
    """A topic whose name Kafka does not allow."""
    detail = f"{name!r} cannot be the name of a topic."
    return Topic(name, trouble=Trouble.TOPIC_MISSING, detail=detail)
