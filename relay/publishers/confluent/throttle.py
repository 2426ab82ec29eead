"""How long a quota makes this client wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import ThrottleEvent


class Throttle:
    """The client calls it with each answer that has a throttle time. It calls ``listener``, too.

    ``seconds`` is how long the broker still wants no request.
    """

    def __init__(self, listener: Callable[[ThrottleEvent], Any] | None = None) -> None:
        self._listener = listener
        self._until = 0.0

    def __call__(self, event: ThrottleEvent) -> None:
        self._until = max(self._until, time.monotonic() + event.throttle_time)
        if self._listener is not None:
            self._listener(event)

    @property
    def seconds(self) -> float:
        return max(0.0, self._until - time.monotonic())
