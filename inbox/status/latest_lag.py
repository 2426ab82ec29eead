"""The lag for pages and metrics, which must not wait for Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from inbox.conf import ConsumerSettings
from inbox.database import UNAVAILABLE
from inbox.status.lag import Lag, LagQuestion
from outbox_core.database import own_connection
from outbox_core.metrics.background import Background

ASK_EVERY = 3.0
FORGET_AFTER = 30.0


class LatestLag:
    """Returns the last answer of Kafka at once, and asks again in the background.

    An answer that is older than half a minute is not shown: then the lag is unknown, without a reason.
    """

    def __init__(self, question: LagQuestion, clock: Callable[[], float] = time.monotonic) -> None:
        self._question = question
        self._clock = clock
        self._lags: dict[str, Background[Lag]] = {}

    def lag(self, consumer: ConsumerSettings, database: str) -> Lag:
        """The lag of this consumer by the last answer of Kafka. Raises nothing."""
        lag = self._lags.get(consumer.name)
        if lag is None:
            ask = asking_for(self._question, consumer, database)
            made = Background(ask, fresh=ASK_EVERY, clock=self._clock)
            lag = self._lags.setdefault(consumer.name, made)
        return lag.latest(FORGET_AFTER) or Lag()


def asking_for(question: LagQuestion, consumer: ConsumerSettings, database: str) -> Callable[[], Lag]:
    """A function that asks, for a thread of its own. If the database does not answer, the lag is unknown:
    the page or the metrics say why.
    """

    def ask() -> Lag:
        with own_connection(database), suppress(*UNAVAILABLE):
            return question.lag(consumer, database)
        return Lag()

    return ask
