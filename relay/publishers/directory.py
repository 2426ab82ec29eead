"""Remembers what the broker said about topics, and asks again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from relay.publishers.base import Failure, Trouble
from relay.publishers.question import Question
from relay.publishers.topics import Topic

FRESH_SECONDS = 60.0
TROUBLE_FRESH_SECONDS = 1.0
LEADERLESS_SECONDS = 2.0
"""How long a partition may have no leader before its topic counts as one that cannot be written: an election
takes less.
"""
ASK_AGAIN_SECONDS = 20.0
"""How long after a request to create a topic the next one is sent."""
KEPT_SECONDS = 600.0
"""How long a topic is remembered that is not written any more."""
LEAST_PATIENCE_SECONDS = 5.0
"""The shortest time without an answer after which a question is asked again on a new connection."""

Describe = Callable[[Collection[str], float], Iterable[Topic]]
"""Asks the broker about topics, by name, within so many seconds. It is called in its own thread."""


@dataclass(slots=True)
class _Known:
    """A topic, and until when its last answer counts. ``asked_until`` is when it may be requested again, and
    ``leaderless_since`` is when answers began to say that it has no leader.
    """

    topic: Topic
    until: float = 0.0
    asked_until: float = 0.0
    leaderless_since: float | None = None

    def answer(self, topic: Topic, now: float) -> None:
        """What the broker says now. A topic that has had no leader in answer after answer cannot be
        written.
        """
        if not topic.leaderless:
            self.leaderless_since = None
        elif self.leaderless_since is None:
            self.leaderless_since = now
        elif now - self.leaderless_since >= LEADERLESS_SECONDS:
            topic = topic.without_leader()
        self.keep(replace(topic, narrowed_to=self.topic.narrowed_to), now)

    def keep(self, topic: Topic, now: float) -> None:
        is_well = topic.trouble is None and not topic.leaderless
        self.topic = topic
        self.until = now + (FRESH_SECONDS if is_well else TROUBLE_FRESH_SECONDS)


class TopicDirectory:
    """Remembers topics for a minute, and those that cannot be written for a second. What is known of a topic
    that is not written any more is forgotten.

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
        self._known: dict[str, _Known] = {}

    def __getitem__(self, name: str) -> Topic:
        return self._known[name].topic

    @property
    def known(self) -> Set[str]:
        """The topics that are remembered."""
        return self._known.keys()

    def learn(self, names: Collection[str], seconds: float) -> None:
        """Ask for topics that are unknown or out of date, and wait ``seconds`` for the answer. Raises
        TimeoutError or the client's error. The next call waits again for a question without an answer.
        """
        deadline = time.monotonic() + seconds
        for _ in range(2):  # first the answer to an earlier question
            if stale := self._stale(names):
                self._forget_others(names)
                self._wait_for_answer(stale, deadline - time.monotonic())
        if self._question is not None:
            self._ask(names)

    def _ask(self, names: Collection[str]) -> None:
        """Ask for these now, unless a question is open, and do not wait. A failure counts as no answer."""
        with suppress(Exception):  # whatever the client raises
            self._wait_for_answer(names, 0.0)

    def _stale(self, names: Collection[str]) -> list[str]:
        now = time.monotonic()
        return [name for name in names if name not in self._known or self._known[name].until <= now]

    def _forget_others(self, names: Collection[str]) -> None:
        """A topic that is written is asked for again as soon as its answer is out of date."""
        since = time.monotonic() - KEPT_SECONDS
        unused = [name for name, known in self._known.items() if known.until < since and name not in names]
        for name in unused:
            del self._known[name]

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
            self._known.setdefault(topic.name, _Known(topic)).answer(topic, time.monotonic())

    def missing(self, names: Collection[str]) -> list[str]:
        """The topics among these that do not exist."""
        return [name for name in names if self[name].trouble is Trouble.TOPIC_MISSING]

    def refusals(self, names: Collection[str]) -> dict[str, Failure]:
        """Why some of these topics cannot be written any more, by name; empty while the broker has not
        answered. It does not wait for the answer: call it again.
        """
        self._ask(names)
        found = {name: self[name].refusal(0) for name in names}
        return {name: why for name, why in found.items() if why}

    def to_ask_for(self, names: Collection[str]) -> list[str]:
        """The missing topics whose creation was not requested lately."""
        now = time.monotonic()
        return [name for name in self.missing(names) if self._known[name].asked_until <= now]

    def asked_for(self, names: Collection[str]) -> None:
        """Note that the broker was asked to create these topics."""
        until = time.monotonic() + ASK_AGAIN_SECONDS
        for name in names:
            self._known[name].asked_until = until

    def refused(self, name: str, trouble: Trouble) -> None:
        """Note that a topic cannot be written."""
        self._known[name].keep(replace(self[name], trouble=trouble, detail=""), time.monotonic())

    def narrow(self, name: str, batch_bytes: int) -> None:
        """A batch was too large for a topic. If the limit is not known, make batches no larger than this."""
        if self[name].max_bytes is None:
            self._known[name].topic = replace(self[name], narrowed_to=batch_bytes)

    def forget(self, names: Iterable[str]) -> None:
        """Ask for them again next time. Until then, the last answer counts."""
        now = time.monotonic()
        for name in names:
            if name in self._known:
                self._known[name].until = min(self._known[name].until, now)

    def close(self) -> None:
        """End the open question."""
        self._question = None
        self._give_up()
