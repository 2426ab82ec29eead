"""Collects what librdkafka reports about its connections."""

from __future__ import annotations

import logging
import re
from typing import Any

from confluent_kafka import KafkaError

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
