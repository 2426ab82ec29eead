"""User data on its way to logs, terminals and columns: one line, bounded, and nothing that deceives."""

from __future__ import annotations

import io
import json
import logging
import unicodedata

import pytest

from outbox_core.people.failure import describe
from outbox_core.people.logs import BoundaryFilter, BoundaryFormatter, guard
from outbox_core.people.text import block, escape, in_json, line

EVIL = (
    "evil\n2026-01-01 CRITICAL relay: All events were deleted",
    "\x1b]0;title\x07\x1b[2J",
    "\x9b31m",
    "a\u202eb\u2066c",
    "a\u2028b\u2029c\x85d",
    "a\u200bb\u200dc\ufeffd\u00ade",
    "a\ud800b",
    "a\rb\tc\x00d\x7fe",
)


def is_plain(text: str) -> bool:
    """Whether nothing has to be escaped."""
    return escape(text) == text


@pytest.mark.parametrize("text", EVIL)
def test_what_deceives_is_shown_as_its_escape(text: str) -> None:
    shown = line(text)
    assert is_plain(shown)
    assert not is_plain(text)
    assert all(unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in shown)
    assert len(shown.splitlines()) == 1
    shown.encode()


@pytest.mark.parametrize("text", [*EVIL[:-2], EVIL[-1], "tag \U000e0041"])
def test_json_means_the_same_and_deceives_nobody(text: str) -> None:
    said = json.dumps({"key": text}, ensure_ascii=False, indent=2)
    shown = in_json(said)
    assert json.loads(shown) == json.loads(said)
    assert all(is_plain(row) for row in shown.split("\n"))


def test_every_control_and_format_character_is_covered_but_visible_ones() -> None:
    visible = {
        chr(code) for code in (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)
    }
    visible |= {chr(code) for code in (*range(0x13430, 0x13440), *range(0x1BCA0, 0x1BCA4))}
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in visible:
            assert escape(character) != character, hex(code)


def test_plain_text_of_any_language_stays_as_it_is() -> None:
    for text in ("Teekanne „Blau“", "注文-1", "заказ", "عربي", "שלום", "a b\\n", "🛒"):
        assert line(text) == text


def test_length_is_bounded() -> None:
    assert len(line("x" * 10**6)) == 500
    assert line("x" * 10**6).endswith("…")
    assert len(line("\n" * 300)) == 500


def test_a_block_keeps_its_lines() -> None:
    assert block("a\n\tb\x1b") == "a\n\tb\\x1b"


def logged(message: str, *arguments: object, exc_info: bool = False) -> str:
    """What a handler with the commands' formatter writes."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(BoundaryFormatter("%(levelname)s %(message)s"))
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, arguments, None)
    BoundaryFilter().filter(record)
    handler.emit(record)
    return out.getvalue()


@pytest.mark.parametrize("text", EVIL)
def test_a_key_cannot_forge_a_line_of_the_log(text: str) -> None:
    assert logged("key %s", text).count("\n") == 1
    assert logged("error %s", ValueError(text)).count("\n") == 1
    assert is_plain(logged("key %s", text).rstrip("\n"))


def test_numbers_are_formatted_as_before() -> None:
    assert logged("after %.1f s, %d events", 1.25, 3) == "INFO after 1.2 s, 3 events\n"


def test_a_traceback_keeps_its_lines_and_none_stands_alone() -> None:
    formatter = BoundaryFormatter("%(message)s")
    try:
        raise ValueError(EVIL[0])
    except ValueError as error:
        shown = formatter.formatException((ValueError, error, error.__traceback__))
    assert all(row.startswith("    ") for row in shown.split("\n"))


def test_a_logger_is_guarded_once() -> None:
    logger = logging.getLogger("tests.people.guarded")
    guard(logger)
    guard(logger)
    assert len(logger.filters) == 1


DETAIL = """duplicate key value violates unique constraint "crm_email_key"
DETAIL:  Key (email)=(mara@example.org) already exists.
CONTEXT:  SQL statement "INSERT"
"""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError(DETAIL), 'ValueError: duplicate key value violates unique constraint "crm_email_key"'),
        (ValueError("Key (email)=(mara@example.org) exists"), "ValueError: Key (…) exists"),
        (ValueError("a\nDETAIL:  Failing row contains (1, mara@example.org)"), "ValueError: a"),
        (KeyError(), "KeyError"),
        (ValueError("evil\x1b[0m\nline"), "ValueError: evil\\x1b[0m line"),
        (ValueError("login failed: password=hunter2"), "ValueError: login failed: password=••••••"),
        (ValueError("no such customer"), "ValueError: no such customer"),
    ],
)
def test_a_failure_is_one_line_without_the_rows_it_is_about(error: Exception, text: str) -> None:
    assert describe(error) == text


def test_a_failure_is_bounded() -> None:
    assert len(describe(ValueError(repr("x" * 10**6)))) == 500
