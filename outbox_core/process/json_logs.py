"""Log lines as JSON, one object a line, for programs that collect logs. Secrets are hidden."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from outbox_core.people.redaction import MAX_DEPTH, Redactor
from outbox_core.people.text import in_json
from outbox_core.wire.event import current_event
from outbox_core.wire.trace import trace_id

LONGEST = 20_000
"""Characters of a text. What is behind them is cut off."""
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
"""The attributes of a log record that are no fields of its own."""


class JsonFormatter(logging.Formatter):
    """``time``, ``level``, ``logger`` and ``message``, then the fields of the record, ``action`` first among
    them. A record of a handler has the ``trace_id`` of its event; one of an error its ``exception``; one of a
    supervisor's process its ``number``.
    """

    def __init__(self, number: int | str | None = None) -> None:
        super().__init__()
        self._number = {} if number is None else {"number": number}

    def format(self, record: logging.LogRecord) -> str:
        redactor = Redactor()
        fields = {name: _plain(value) for name, value in _fields(record)} | self._number
        values = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redactor.text(record.getMessage()[:LONGEST]),
        }
        shown = redactor.tree(fields)
        assert isinstance(shown, dict)
        lines = self._exception(record)
        if lines:
            values["exception"] = "\n".join(map(redactor.text, lines))
        return in_json(json.dumps({**values, **{k: v for k, v in shown.items() if k not in values}}))

    def _exception(self, record: logging.LogRecord) -> list[str]:
        """The lines of a traceback. Each is judged alone, so that one with a secret does not hide
        the rest.
        """
        parts = [self.formatException(record.exc_info)] if record.exc_info else []
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return "\n".join(parts)[:LONGEST].splitlines()


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    own = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    if "action" in own:
        yield "action", own.pop("action")
    event = current_event()
    if event is not None and "trace_id" not in own and (trace := trace_id(event.headers)):
        yield "trace_id", trace
    yield from own.items()


def _plain(value: object, depth: int = 0) -> object:
    """A value as JSON has it. What is deeper than people nest, such as a list in itself, is text."""
    if depth > MAX_DEPTH:
        return str(value)[:LONGEST]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth + 1) for inner in value]
    return str(value)[:LONGEST]
