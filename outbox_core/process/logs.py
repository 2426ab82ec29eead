"""Where a command logs to: standard error, unless Django's LOGGING says otherwise."""

from __future__ import annotations

import logging

from outbox_core.people.logs import stderr_handler

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
CLIENT_LEVELS = (logging.CRITICAL + 1, logging.CRITICAL + 1, logging.WARNING, logging.DEBUG)
"""By verbosity. A Kafka client logs each attempt to connect; relay and inbox log an outage once."""


def set_up(name: str, verbosity: int) -> None:
    """Show the logger ``name``, and the Kafka client's logger only with ``-v 2`` or more."""
    if not logging.getLogger().handlers:
        logging.basicConfig(handlers=[stderr_handler(FORMAT)])
    # The root's default, WARNING, would show the begin of an outage but not its end.
    _set_level(name, logging.INFO)
    _set_level("kafka", CLIENT_LEVELS[min(verbosity, len(CLIENT_LEVELS) - 1)])


def _set_level(name: str, level: int) -> None:
    logger = logging.getLogger(name)
    if logger.level == logging.NOTSET:
        logger.setLevel(level)
