"""What librdkafka's clients report, and its errors in words. Imports no client."""

from __future__ import annotations

import logging
import re
from base64 import b64decode
from typing import Any
from uuid import UUID

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

    def error(self, error: Any) -> None:
        """When nothing is connected, the client reports only that."""
        if error.name() != "_ALL_BROKERS_DOWN":
            self.trouble = error.str()

    def log(self, level: int, message: str, *arguments: Any) -> None:
        """``arguments`` are facility, client and text."""
        if arguments[0] == "FAIL":
            self.trouble = _PREFIX.sub("", str(arguments[-1]))
        LOGGER.log(level, message, *arguments)


def of(error: BaseException) -> Any:
    """librdkafka's own error in an exception; None if it has none."""
    first = error.args[0] if error.args else None
    return first if hasattr(first, "fatal") else None


def words(error: BaseException) -> str:
    """The text of an exception of the client."""
    own = of(error)
    if own is None:
        return str(error) or type(error).__name__
    return f"{own.name()}: {own.str()}"


def topic_id(text: str) -> UUID | None:
    """A topic's id, as librdkafka writes it; None for zeros, of a broker before 2.8."""
    found = UUID(bytes=b64decode(text.replace("-", "+").replace("_", "/") + "=="))
    return found if found.int else None
