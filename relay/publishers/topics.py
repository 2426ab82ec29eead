"""What is known about topics: partitions, the largest batch, whether they can be written."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from relay.publishers.base import BATCH_HEADER, Failure, Trouble
from relay.publishers.question import Question

MAX_MESSAGE_BYTES = "max.message.bytes"
"""The option of a topic that limits its batches."""
MIN_IN_SYNC = "min.insync.replicas"
"""The option of a topic that says how many replicas must be in sync for a write with acks=all."""
LIMITS = (MAX_MESSAGE_BYTES, MIN_IN_SYNC)
FRESH_SECONDS = 60.0
TROUBLE_FRESH_SECONDS = 1.0
LEADERLESS_SECONDS = 2.0
"""How long a partition may have no leader before its topic counts as one that cannot be written: an election
takes less.
"""
ASK_AGAIN_SECONDS = 20.0
"""How long after a request to create a topic the next one is sent."""
LEAST_PATIENCE_SECONDS = 5.0
"""The shortest time without an answer after which a question is asked again on a new connection."""

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

    def limited(self, limits: Mapping[str, int]) -> Topic:
        """The same topic with its options, without those that this client may not ask for."""
        least = limits.get(MIN_IN_SYNC, 0)  # brokers ask for no more than there are in all (KIP-966)
        short = any(in_sync < min(least, every) for in_sync, every in self.replicas)
        trouble = self.trouble or (Trouble.NOT_ENOUGH_REPLICAS if short else None)
        return replace(self, max_bytes=limits.get(MAX_MESSAGE_BYTES), trouble=trouble)

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


Describe = Callable[[Collection[str], float], Iterable[Topic]]
"""Asks the broker about topics, by name, within so many seconds. It is called in its own thread."""


class TopicDirectory:
    """Remembers topics for a minute, and those that cannot be written for a second.

    ``give_up`` ends a question of ``describe``: first after half of ``patience`` seconds, later after up to
    three times as many, because a link with a latency of seconds needs them.
    """

    def __init__(
        self, describe: Describe, *, give_up: Callable[[], None] = lambda: None, patience: float = 20.0
    ) -> None:
        self._describe = describe
        self._give_up = give_up
        self._least_patience = max(patience / 2, LEAST_PATIENCE_SECONDS)
        self._most_patience = 6 * self._least_patience
        self._patience = self._least_patience
        self._question: Question[Iterable[Topic]] | None = None
        self._topics: dict[str, tuple[float, Topic]] = {}
        self._narrowed: dict[str, int] = {}
        self._asked: dict[str, float] = {}
        self._leaderless_since: dict[str, float] = {}

    def __getitem__(self, name: str) -> Topic:
        return self._topics[name][1]

    def learn(self, names: Collection[str], seconds: float) -> None:
        """Ask for topics that are unknown or out of date, and wait ``seconds`` for the answer. Raises
        TimeoutError or the client's error. The next call waits again for a question without an answer.
        """
        deadline = time.monotonic() + seconds
        for _ in range(2):  # first the answer to an earlier question
            if stale := self._stale(names):
                self._wait_for_answer(stale, deadline - time.monotonic())
        if self._question is not None:
            self._ask(names)

    def _ask(self, names: Collection[str]) -> None:
        """Ask for these now, unless a question is open, and do not wait. A failure counts as no answer."""
        with suppress(Exception):  # whatever the client raises
            self._wait_for_answer(names, 0.0)

    def _stale(self, names: Collection[str]) -> list[str]:
        now = time.monotonic()
        return [name for name in names if name not in self._topics or self._topics[name][0] <= now]

    def _wait_for_answer(self, names: Collection[str], seconds: float) -> None:
        question = self._question or Question(partial(self._describe, names, 2 * self._patience))
        self._question = None
        if not question.is_answered(seconds):
            if question.age < self._patience:
                self._question = question
            else:
                self._patience = min(2 * self._patience, self._most_patience)
                self._give_up()
            raise TimeoutError(f"no answer within {question.age:.1f} s")
        self._patience = max(self._least_patience, min(2 * question.age, self._most_patience))
        for topic in question.answer():
            self._keep(replace(self._judged(topic), narrowed_to=self._narrowed.get(topic.name)))

    def _judged(self, topic: Topic) -> Topic:
        """The same topic, which cannot be written if it has had no leader in answer after answer."""
        now = time.monotonic()
        if not topic.leaderless:
            self._leaderless_since.pop(topic.name, None)
        elif now - self._leaderless_since.setdefault(topic.name, now) >= LEADERLESS_SECONDS:
            detail = topic.detail or _LEADERLESS.format(topic.name)
            return replace(topic, trouble=topic.trouble or Trouble.NOT_ENOUGH_REPLICAS, detail=detail)
        return topic

    def missing(self, names: Collection[str]) -> list[str]:
        """Those that do not exist."""
        return [name for name in names if self[name].trouble is Trouble.TOPIC_MISSING]

    def refusals(self, names: Collection[str]) -> dict[str, Failure]:
        """Why some of these topics cannot be written any more, by name; empty while the broker has not
        answered. It does not wait for the answer: call it again.
        """
        self._ask(names)
        found = {name: self[name].refusal(0) for name in names}
        return {name: why for name, why in found.items() if why}

    def to_ask_for(self, names: Collection[str]) -> list[str]:
        """Those that do not exist and were not requested lately."""
        now = time.monotonic()
        return [name for name in self.missing(names) if self._asked.get(name, 0.0) <= now]

    def asked_for(self, names: Collection[str]) -> None:
        """The broker was asked to create these."""
        until = time.monotonic() + ASK_AGAIN_SECONDS
        self._asked.update(dict.fromkeys(names, until))

    def refused(self, name: str, trouble: Trouble) -> None:
        """A topic cannot be written."""
        self._keep(replace(self[name], trouble=trouble, detail=""))

    def narrow(self, name: str, batch_bytes: int) -> None:
        """A batch was too large for a topic. If the limit is not known, make batches no larger than this."""
        if self[name].max_bytes is None:
            self._narrowed[name] = batch_bytes

    def forget(self, names: Iterable[str]) -> None:
        """Ask for them again next time. Until then, the last answer counts."""
        for name in names:
            if name in self._topics:
                self._topics[name] = 0.0, self._topics[name][1]

    def close(self) -> None:
        """End the open question."""
        self._question = None
        self._give_up()

    def _keep(self, topic: Topic) -> None:
        is_well = topic.trouble is None and not topic.leaderless
        fresh = FRESH_SECONDS if is_well else TROUBLE_FRESH_SECONDS
        self._topics[topic.name] = time.monotonic() + fresh, topic
