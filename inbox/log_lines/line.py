"""Writes a log line with its ``action`` and fields."""

from __future__ import annotations

import logging

from outbox_core.operations import runbook
from outbox_core.people.logs import guard

logger = logging.getLogger("inbox")
guard(logger)


def log(level: int, action: str, message: str, *arguments: object, **fields: object) -> None:
    """Log a message with its action and fields."""
    logger.log(level, message, *arguments, extra={"action": action, **runbook.field(action), **fields})
