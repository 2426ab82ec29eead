"""What librdkafka's clients report, and its errors in words. Imports no client."""

from __future__ import annotations

import logging
import re
import time
import traceback
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

LOGGER = logging.getLogger("kafka.librdkafka")
"""What the client logs. Relay and inbox show it only with -v 2 or more."""
OUR_LOGGER = logging.getLogger(__name__)
LOGIN = "oauth_cb"
CALLBACKS = ("stats_cb", "throttle_cb", LOGIN)
"""The callbacks of the project among the options."""
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
        """``arguments`` are the facility, the client and the text."""
        if arguments[0] == "FAIL":
            self.trouble = _PREFIX.sub("", str(arguments[-1]))
        _log(LOGGER, level, message, *arguments)


def _log(logger: logging.Logger, level: int, message: str, *arguments: Any, exc_info: bool = False) -> None:
    """Log it. Raises nothing, because the client calls this while it makes its reports."""
    try:
        logger.log(level, message, *arguments, exc_info=exc_info)
    except Exception:  # of a filter of the project
        traceback.print_exc()


def contained(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same options, whose callbacks log what they raise.

    The client would raise it from any call that waits, such as flush(), whose reports are then not complete.
    Only the exception of a login is passed to the client, which tries again. The client does not keep it.
    """
    return {**options, **{name: _contained(name, options[name]) for name in _present(options, CALLBACKS)}}


def _contained(name: str, callback: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            return callback(*arguments)
        except Exception:
            message = '%s of KAFKA["OPTIONS"] raised an exception.'
            _log(OUR_LOGGER, logging.ERROR, message, name, exc_info=True)
            if name == LOGIN:
                raise

    return call


def without_login(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same options for a client that only checks them and does not connect. A client asks for its first
    token when it is created, and fails without one, although the options may be right.
    """
    return {**options, **dict.fromkeys(_present(options, [LOGIN]), _unused_token)}


def _unused_token(_config: str) -> tuple[str, float, str]:
    return "unused", time.time() + 3600, "nobody"


def _present(options: Mapping[str, Any], names: Collection[str]) -> list[str]:
    return [name for name in names if callable(options.get(name))]


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
