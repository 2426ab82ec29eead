"""Where a command logs to: standard error, unless Django's LOGGING says otherwise."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from outbox_core.people.logs import stderr_handler
from outbox_core.process.json_logs import JsonFormatter

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
NUMBERED = "%(asctime)s %(levelname)-7s %(name)s[{}]: %(message)s"
CLIENT_LEVELS = (logging.CRITICAL + 1, logging.CRITICAL + 1, logging.WARNING, logging.DEBUG)
"""By verbosity. A Kafka client logs each attempt to connect; relay and inbox log an outage once."""


def set_up(name: str, verbosity: int, *, as_json: bool = False, number: int | str | None = None) -> None:
    """Show the logger ``name``, and the Kafka client's logger only with ``-v 2`` or more. ``as_json`` makes
    each line JSON, also those of handlers that LOGGING configures, as far as they write to a stream.
    ``number`` is shown in each line; it is that of a process of a supervisor, or the name of a worker.
    """
    if not logging.getLogger().handlers:
        logging.basicConfig(handlers=[stderr_handler(NUMBERED.format(number) if number else FORMAT)])
    if as_json:
        logging.captureWarnings(True)
        for handler in _streams():
            handler.setFormatter(JsonFormatter(number))
    # The root's default, WARNING, would show the begin of an outage but not its end.
    _set_level(name, logging.INFO)
    _set_level("kafka", CLIENT_LEVELS[min(verbosity, len(CLIENT_LEVELS) - 1)])


def _streams() -> Iterator[logging.Handler]:
    """The handlers of all loggers that write lines to a stream, such as standard error."""
    known = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in known:
        if isinstance(logger, logging.Logger):
            yield from (handler for handler in logger.handlers if type(handler) is logging.StreamHandler)


def _set_level(name: str, level: int) -> None:
    logger = logging.getLogger(name)
    if logger.level == logging.NOTSET:
        logger.setLevel(level)
