"""Escapes control characters in log records, so that a key with line breaks cannot forge a log line."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from outbox_core.people.text import block, line


class BoundaryFilter(logging.Filter):
    """Escapes the arguments of each record. The message itself comes from the code and stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, Mapping):
            record.args = {name: _safe(value) for name, value in record.args.items()}
        elif record.args:
            record.args = tuple(_safe(value) for value in record.args)
        else:
            record.msg = _safe(record.msg)
        return True


class BoundaryFormatter(logging.Formatter):
    """Formats a record on one line, from any logger. A traceback keeps its lines, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging calls it
        return line(super().formatMessage(record), 20_000)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - as logging calls it
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - as logging calls it
        return _indented(super().formatStack(stack_info))


def guard(logger: logging.Logger) -> None:
    """Escape what ``logger`` logs, whatever handlers the project configures."""
    if not any(isinstance(each, BoundaryFilter) for each in logger.filters):
        logger.addFilter(BoundaryFilter())


def stderr_handler(fmt: str) -> logging.Handler:
    """The handler of a command, if the project configures none."""
    handler = logging.StreamHandler()
    handler.setFormatter(BoundaryFormatter(fmt))
    return handler


def _safe(value: object) -> object:
    return value if value is None or isinstance(value, int | float) else line(value, 2_000)


def _indented(text: str) -> str:
    return "\n".join(f"    {row}" for row in block(text).split("\n"))
