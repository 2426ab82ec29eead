"""Remembers what the broker said about topics, and asks again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from relay.publishers.base import Failure, Trouble
from relay.publishers.patience import Patience
from relay.publishers.question import Question
from relay.publishers.topics import MAX_MESSAGE_BYTES, Limits, Topic

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


class Describer(Protocol):
    """Asks the broker. Each question is asked in its own thread."""

    def __call__(self, names: Collection[str], seconds: float, /) -> Iterable[Topic]:
        """Describe these topics within so many seconds, without their limits."""

    def limits(self, names: Collection[str], seconds: float, /) -> Mapping[str, Limits]:
        """The limits of these topics, without topics that this client may not ask about."""

    def close(self) -> None:
        """End the question that is under way."""


@dataclass(slots=True)
class _Known:
    """A topic, and until when its last answer counts. ``described`` is the topic without its ``limits``,
    which count until ``limits_until``. ``asked_until`` is when it may be requested again, and
    ``leaderless_since`` is when answers began to say that it has no leader.
    """

    topic: Topic
    described: Topic
    until: float = 0.0
    limits: Limits = field(default_factory=dict)
    limits_until: float = 0.0
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
        self.described, self.topic = topic, topic.limited(self.limits)
        self.until = now + self._fresh_seconds

    def limit(self, limits: Limits, now: float) -> None:
        """What the broker says now of its limits."""
        self.limits = limits
        if MAX_MESSAGE_BYTES in limits:
            self.described = replace(self.described, narrowed_to=None)
        self.topic = self.described.limited(limits)
        self.limits_until = now + self._fresh_seconds
        self.until = min(self.until, self.limits_until)

    @property
    def _fresh_seconds(self) -> float:
        is_well = self.topic.trouble is None and not self.topic.leaderless
        return FRESH_SECONDS if is_well else TROUBLE_FRESH_SECONDS

    def narrow(self, batch_bytes: int) -> None:
        self.described = replace(self.described, narrowed_to=batch_bytes)
        self.topic = replace(self.topic, narrowed_to=batch_bytes)

    def forget(self, now: float) -> None:
        """Limits that may be wrong do not outlive the next answer: then the broker judges."""
        self.until, self.limits_until = min(self.until, now), min(self.limits_until, now)
        self.limits = {}


@dataclass(slots=True)
class _Kind:
    """A kind of question, what is done with its answer, and until when it is not asked in the background."""

    ask: Callable[[Collection[str], float], Any]
    take: Callable[[Collection[str], Any], None]
    patience: Patience
    rests_until: float = 0.0

    def about(self, names: Sequence[str]) -> _Open:
        """Ask about as many of these as may be answered in time."""
        asked = names[: self.patience.portion]
        return _Open(self, asked, Question(partial(self.ask, asked, 2 * self.patience.seconds)))


@dataclass(frozen=True, slots=True)
class _Open:
    """A question, and the topics that it is about."""

    kind: _Kind
    names: Sequence[str]
    question: Question[Any]

    @property
    def is_late(self) -> bool:
        return self.question.age >= self.kind.patience.seconds

    def give_up(self) -> None:
        self.kind.patience.given_up(len(self.names))
        self._rest()

    def take(self) -> None:
        """Note the answer. Raises the client's error."""
        try:
            answer = self.question.answer()
        except BaseException:
            if self.is_late:
                self.give_up()
            raise
        self.kind.patience.answered(len(self.names), self.question.age)
        self._rest()
        self.kind.take(self.names, answer)

    def _rest(self) -> None:
        self.kind.rests_until = time.monotonic() + self.kind.patience.rest


class TopicDirectory:
    """Remembers topics for a minute, and those that cannot be written for a second. What is known of a topic
    that is not written any more is forgotten.

    One question is open at a time. The limits of topics may be a long answer, which is only waited for on a
    quick link. Until it comes, a topic counts as one whose limits this client may not ask for.
    """

    def __init__(self, describer: Describer, *, patience: float = 20.0) -> None:
        self._give_up = describer.close
        self._descriptions = _Kind(describer, self._described, Patience(patience))
        self._limits = _Kind(describer.limits, self._limited, Patience(patience))
        self._open: _Open | None = None
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
        since = time.monotonic()
        deadline = since + seconds
        while stale := self._stale(names, since):
            self._forget_others(names)
            self._wait_for_answer(self._open or self._descriptions.about(stale), deadline)
        self._look()
        while (unlimited := self._unlimited(names, since)) and self._may_ask(self._limits):
            with suppress(TimeoutError):
                is_slow = self._limits.patience.rest > 0
                self._wait_for_answer(self._limits.about(unlimited), since if is_slow else deadline)

    def _may_ask(self, kind: _Kind) -> bool:
        return self._open is None and time.monotonic() >= kind.rests_until

    def _look(self) -> None:
        """Take the answer to the open question if it has come. A failure counts as no answer."""
        if self._open is not None:
            with suppress(Exception):  # whatever the client raises
                self._wait_for_answer(self._open, 0.0)

    def _stale(self, names: Collection[str], now: float) -> list[str]:
        return [name for name in names if name not in self._known or self._known[name].until <= now]

    def _unlimited(self, names: Collection[str], now: float) -> list[str]:
        """The topics whose limits are unknown or out of date, first those that have waited longest."""
        each = ((self._known[name], name) for name in names)
        found = [
            (known.limits_until, name)
            for known, name in each
            if known.limits_until <= now and known.described.trouble is None
        ]
        return [name for _, name in sorted(found)]

    def _forget_others(self, names: Collection[str]) -> None:
        """A topic that is written is asked for again as soon as its answer is out of date."""
        since = time.monotonic() - KEPT_SECONDS
        unused = [name for name, known in self._known.items() if known.until < since and name not in names]
        for name in unused:
            del self._known[name]

    def _wait_for_answer(self, open_one: _Open, deadline: float) -> None:
        self._open = None
        if open_one.question.is_answered(deadline - time.monotonic()):
            open_one.take()
            return
        if open_one.is_late:
            open_one.give_up()
            self._give_up()
        else:
            self._open = open_one
        raise TimeoutError(f"no answer within {open_one.question.age:.1f} s")

    def _described(self, _: Collection[str], topics: Iterable[Topic]) -> None:
        for topic in topics:
            self._known.setdefault(topic.name, _Known(topic, topic)).answer(topic, time.monotonic())

    def _limited(self, names: Collection[str], limits: Mapping[str, Limits]) -> None:
        for name in names:
            if name in self._known:
                self._known[name].limit(limits.get(name, {}), time.monotonic())

    def missing(self, names: Collection[str]) -> list[str]:
        """The topics among these that do not exist."""
        return [name for name in names if self[name].trouble is Trouble.TOPIC_MISSING]

    def refusals(self, names: Collection[str]) -> dict[str, Failure]:
        """Why some of these topics cannot be written any more, by name; empty while the broker has not
        answered. It does not wait for the answer: call it again.
        """
        if self._may_ask(self._descriptions):
            self._open = self._descriptions.about(list(names))
        self._look()
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
            self._known[name].narrow(batch_bytes)

    def forget(self, names: Iterable[str]) -> None:
        """Ask for them again next time. Until then, the last answer counts."""
        now = time.monotonic()
        for name in names:
            if name in self._known:
                self._known[name].forget(now)

    def close(self) -> None:
        """End the open question."""
        self._open = None
        self._give_up()
