"""Remembers how long the broker's quota asks this client to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import ThrottleEvent


class Throttle:
    """Called by the client with each answer that has a throttle time, and hands it to ``listener``, too.

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
