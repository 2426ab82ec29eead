"""A line of JSON is one object with the fields of its record, whatever text is in them, and no secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from outbox_core.process.json_logs import JsonFormatter
from outbox_core.process.logs import set_up
from outbox_core.wire.event import Event, Handling

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def formatted(message: str, *arguments: object, **fields: object) -> dict[str, Any]:
    """A record as a reader of the log gets it."""
    exc_info: Any = fields.pop("exc_info", None)
    logger, level = logging.getLogger("relay"), logging.WARNING
    record = logger.makeRecord("relay", level, __file__, 1, message, arguments, exc_info, extra=fields)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    found = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert isinstance(found, dict)
    return found


def test_a_record_has_its_fields_and_its_action_first() -> None:
    found = formatted(
        "Owns shard %d.", 3, shard=3, action="relay.shard_acquired", id=UUID(int=1), topics={"t"}
    )
    assert list(found)[:5] == ["time", "level", "logger", "message", "action"]
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", "relay", "Owns shard 3.")
    assert (found["shard"], found["id"], found["topics"]) == (3, str(UUID(int=1)), ["t"])
    assert abs(datetime.fromisoformat(found["time"]) - datetime.now(UTC)).total_seconds() < 60


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[2J", "\u202e", "\u2028", '"}', "\ud800", "x" * 50_000])
def test_no_text_breaks_a_line_or_a_terminal(text: str) -> None:
    record = logging.makeLogRecord({"msg": text, "field": text})
    line = JsonFormatter().format(record)
    assert line.isprintable()
    assert json.loads(line)["field"] == text[:20_000]


def test_numbers_that_json_does_not_have_are_text() -> None:
    assert formatted("", seconds=float("inf"))["seconds"] == "inf"


def test_a_field_that_contains_itself_is_logged() -> None:
    """logging raises a RecursionError where a program logs, which would fail the event of a handler."""
    nested: list[object] = []
    nested.append(nested)
    assert formatted("said", nested=nested)["message"] == "said"


def test_secrets_are_hidden_in_message_fields_and_traceback() -> None:
    try:
        raise ValueError("postgresql://u:hunter2@host/db")
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    found = formatted(
        "cannot reach %s", "postgresql://u:hunter2@host/db", password="hunter2", nested={"token": "hunter2"},
        exc_info=caught,
    )  # fmt: skip
    assert "hunter2" not in json.dumps(found)
    assert "test_json_logs.py" in found["exception"]


def test_a_field_does_not_replace_what_every_line_has() -> None:
    assert formatted("true", level="false", time="never")["level"] == "WARNING"


def test_what_a_handler_logs_has_the_trace_of_its_event() -> None:
    event = Event(
        id="1", source="/s", type="t", time=datetime.now(UTC), topic="t", partition=0, offset=0,
        headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
    )  # fmt: skip
    with Handling(event):
        assert formatted("said")["trace_id"] == TRACE
    assert "trace_id" not in formatted("said")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What a handler of the project's LOGGING writes to."""
    logger, stream = logging.getLogger("tests.json"), io.StringIO()
    handler, levels = (
        logging.StreamHandler(stream),
        {name: logging.getLogger(name).level for name in ("relay", "kafka")},
    )
    logger.addHandler(handler)
    yield stream
    logging.captureWarnings(False)
    logger.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("as_json", [True, False])
def test_handlers_of_the_project_write_json_when_asked(stream: io.StringIO, as_json: bool) -> None:
    set_up("relay", 1, as_json=as_json)
    logging.getLogger("tests.json").warning("said", extra={"action": "tests.said"})
    said = stream.getvalue()
    assert (json.loads(said)["action"] if as_json else said) == ("tests.said" if as_json else "said\n")
