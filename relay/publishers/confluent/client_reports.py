"""Collects what librdkafka reports: failed connections, and how long a quota makes this client wait."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, ThrottleEvent

LOGGER = logging.getLogger("kafka.librdkafka")
_PREFIX = re.compile(r"^(\[thrd:[^\]]*\]: )?")


class ClientReports:
    """The clients' logger and error callback. ``trouble`` is why a connection failed last, until a question
    is answered.

    The callback is not called for a connection that ends without a reason, as when a listener expects TLS.
    The log has it.
    """

    def __init__(self) -> None:
        self.trouble = ""

    def error(self, error: KafkaError) -> None:
        """When nothing is connected, the client reports only that."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self.trouble = error.str()

    def log(self, level: int, message: str, *arguments: Any) -> None:
        """``arguments`` are facility, client and text."""
        if arguments[0] == "FAIL":
            self.trouble = _PREFIX.sub("", str(arguments[-1]))
        LOGGER.log(level, message, *arguments)


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
