"""Makes text of users safe and short before it reaches a log, terminal or column. Line breaks, terminal
commands and characters that reverse the reading order become escapes, so that a line stays one line. Pure.
"""

from __future__ import annotations

import json
import re

LIMIT = 500
_DECEPTIVE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: line breaks, ESC, CSI, OSC
    "\u2028-\u202e\u2066-\u2069\u200e\u200f\u061c"  # line and paragraph separators, bidi controls
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"  # zero width, or blank
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff"  # lone surrogates, which no encoding can print
    "]"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def line(value: object, limit: int = LIMIT) -> str:
    """``value`` as one line of at most ``limit`` characters, with deceptive ones escaped."""
    text = value if isinstance(value, str) else str(value)
    shown = escape(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def escape(text: str) -> str:
    """``text`` with its deceptive characters as escapes: a line break becomes ``\\n``, ESC ``\\x1b``."""
    return _DECEPTIVE.sub(_escaped, text)


def block(text: str) -> str:
    """The same for text of several lines, which keeps its line breaks and tabs."""
    return "\n".join("\t".join(map(escape, row.split("\t"))) for row in text.split("\n"))


def in_json(text: str) -> str:
    """JSON text with the deceptive characters of its strings as JSON's own escapes: it means the same."""
    rows = text.split("\n")
    return "\n".join(_DECEPTIVE.sub(lambda found: json.dumps(found[0])[1:-1], row) for row in rows)


def has_controls(text: str) -> bool:
    """Whether it has control characters or ones that override the direction of reading.

    Invisible characters are part of some languages: they are allowed, and shown as escapes.
    """
    return not text.isprintable() and _CONTROL.search(text) is not None


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
