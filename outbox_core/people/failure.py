"""An exception as one line that can be stored and logged, without the values that PostgreSQL quotes."""

from __future__ import annotations

import re

from outbox_core.people.redaction import Redactor
from outbox_core.people.text import line

_QUOTED = re.compile(
    r"^\s*(DETAIL|CONTEXT|QUERY|STATEMENT|WHERE|LINE \d+|PARAMETERS|\[parameters)\b.*", re.S | re.M
)
"""Behind these words, PostgreSQL, psycopg and SQLAlchemy quote the data of the failed statement."""
_ROW = re.compile(r"\((?:[^()]|\([^()]*\))*\)=\(.*?\)(?=[\s.,;]|$)", re.S)


def describe(error: BaseException) -> str:
    """``ValueError: no such customer``, with secrets hidden."""
    text = without_rows(message(error))
    return line(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def message(error: BaseException) -> str:
    """What an error says, also if its own ``__str__`` fails."""
    try:
        return str(error)
    except Exception as another:
        return f"(its message cannot be read: {type(another).__name__})"


def without_rows(text: str) -> str:
    """A message on one line without the values that databases quote, and with secrets hidden."""
    kept = _ROW.sub("(…)", _QUOTED.sub("", text[:100_000]))
    return Redactor().text(" ".join(kept.split()))
