"""Reads the SQL of handlers: a string may hold comments, and several statements."""

from __future__ import annotations

import re
from typing import Any

from psycopg.sql import Composable

SPACE = r"(?>\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
"""Each comment is read in one way only; otherwise twenty of them would take seconds."""
_QUOTED = re.compile(
    r"""E'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | (\$\w*\$).*?\1 | --[^\n]* | /\*.*?\*/""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
SEMICOLON = "\0"
"""Stands for one in a name; PostgreSQL takes no such character."""
SET_CONFIG, LOCK = "set_config", "advisory_lock"
"""What the names of functions contain that change the session."""
_TEMPORARY = re.compile(r"\btemp(?:orary)?\b|\bpg_temp")
_PLAIN = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ")
"""How Django's own statements begin that only read or write rows."""


def is_plain(sql: str) -> bool:
    """Whether it is one of Django's own statements that only read or write rows, by its first words."""
    return sql.startswith(_PLAIN) and ";" not in sql and not changes_session(sql)


def changes_session(sql: str) -> bool:
    """Whether it may call a function that sets a setting, take a lock that outlives the transaction, or make
    a temporary table.
    """
    lower = sql.lower()
    return SET_CONFIG in lower or LOCK in lower or _is_temporary(lower)


def makes_temporary(sql: str) -> bool:
    """Whether it may make a table, view or sequence that only this session sees."""
    return _is_temporary(sql.lower())


def _is_temporary(lower: str) -> bool:
    return "temp" in lower and _TEMPORARY.search(lower) is not None


def calls(sql: str, function: str) -> bool:
    return function in sql.lower()


def statements(sql: str) -> list[str]:
    """The statements of a string. If there are several, all of them and then each, without comments and texts
    in quotes.
    """
    return [sql, *_QUOTED.sub(_kept, sql).split(";")] if ";" in sql else [sql]


def _kept(quoted: re.Match[str]) -> str:
    """What is left of it: a name, such as that of a savepoint; its semicolons must not split the string."""
    return quoted[0].replace(";", SEMICOLON) if quoted[0].startswith('"') else " "


def as_text(sql: Any) -> str:
    """A statement as text, whatever psycopg was given."""
    if isinstance(sql, str):
        return sql
    if isinstance(sql, Composable):
        return sql.as_string(None)
    return sql.decode(errors="replace") if isinstance(sql, bytes) else str(sql)
