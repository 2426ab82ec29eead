"""A question to the broker, asked in its own thread, so that a caller can wait for it several times."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Generic, TypeVar

from outbox_core.kafka_reasons import explained
from relay.errors import PublisherUnavailable

T = TypeVar("T")


class Question(Generic[T]):
    """Asks at once. A link with a latency of seconds answers late: a caller that got no answer keeps the
    question and waits again next time.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._since = time.monotonic()
        self._answer: Future[T] = Future()
        thread = Thread(target=_fill, args=[self._answer, ask], name="relay-question", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._answer.set_exception(PublisherUnavailable(explained(str(error))))

    @property
    def age(self) -> float:
        """Seconds since it was asked."""
        return time.monotonic() - self._since

    def is_answered(self, seconds: float) -> bool:
        """Wait ``seconds`` for the answer. Returns whether it came."""
        return bool(wait([self._answer], max(0.0, seconds)).done)

    def answer(self) -> T:
        """The answer, only once. Raises what the question raised. The error is then forgotten, because an
        error that refers to itself would keep the client open.
        """
        answer, self._answer = self._answer, Future()
        try:
            return answer.result()
        finally:
            del answer


def _fill(answer: Future[T], ask: Callable[[], T]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:
        answer.set_exception(error)
    finally:
        del answer, ask
