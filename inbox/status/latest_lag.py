"""The lag for a page, which must not wait for Kafka."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import NamedTuple

from django.db import connections

from inbox.database import UNAVAILABLE
from inbox.status.lag import Asking, Lag

ASK_EVERY = 3.0
FORGET_AFTER = 30.0
NOT_YET = Lag()


class Answer(NamedTuple):
    at: float
    lag: Lag


class LatestLag:
    """Returns the last answer of Kafka at once, and asks again in a thread of its own.

    An answer that is older than half a minute is not shown: then the lag is unknown, without a reason.
    """

    def __init__(self, asking: Asking, clock: Callable[[], float] = time.monotonic) -> None:
        self._asking = asking
        self._clock = clock
        self._answers: dict[str, Answer] = {}
        self._threads: dict[str, threading.Thread] = {}

    def lag(self, consumer: str, topics: Collection[str], database: str) -> Lag:
        """The lag of this consumer, as last heard. Raises nothing."""
        answer = self._answers.get(consumer)
        age = float("inf") if answer is None else self._clock() - answer.at
        if age > ASK_EVERY and not self._is_asking(consumer):
            thread = threading.Thread(target=self._ask, args=(consumer, topics, database), daemon=True)
            self._threads[consumer] = thread
            thread.start()
        return NOT_YET if answer is None or age > FORGET_AFTER else answer.lag

    def _is_asking(self, consumer: str) -> bool:
        thread = self._threads.get(consumer)
        return thread is not None and thread.is_alive()

    def _ask(self, consumer: str, topics: Collection[str], database: str) -> None:
        try:
            with suppress(*UNAVAILABLE):  # the page reads the same database, and says so
                answer = Answer(self._clock(), self._asking.lag(consumer, topics, database))
                self._answers[consumer] = answer
        finally:
            connections.close_all()  # those of this thread
