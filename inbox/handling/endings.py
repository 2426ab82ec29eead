"""Refuses statements with which a handler would end the transaction that it shares with other events, or
check its constraints too early.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from psycopg.sql import Composable

from inbox.errors import EffectsLost

ENDED = (
    "a handler ended the transaction that it runs in (COMMIT, ROLLBACK, or closing the connection), which "
    "has the effects of other events too: leave that to the inbox; use transaction.atomic() for savepoints"
)
CHECKS = (
    "a handler ran SET CONSTRAINTS ALL IMMEDIATE (as connection.check_constraints() does), which also checks "
    "a constraint of the inbox that holds only at the end: name your own constraints instead of ALL"
)
SPACE = r"(?>\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
"""Each comment is read in one way only; otherwise twenty of them would take seconds."""
_CHECKS = re.compile(SPACE + r"SET\s+CONSTRAINTS\s+ALL\s+IMMEDIATE\b", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile(
    SPACE + r"(COMMIT|END|ABORT|BEGIN|START\s+TRANSACTION|PREPARE\s+TRANSACTION"
    r"|ROLLBACK(?!\s+(WORK\s+|TRANSACTION\s+)?TO\b))\b",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(
    r"""E'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | (\$\w*\$).*?\1 | --[^\n]* | /\*.*?\*/""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def ends(sql: str) -> bool:
    """Whether a statement, or one of several in one string, ends the transaction."""
    return any(map(_ENDS.match, statements(sql)))


def statements(sql: str) -> list[str]:
    """The statements of a string. If there are several, without their comments and texts in quotes."""
    return [sql, *_QUOTED.sub(" ", sql).split(";")] if ";" in sql else [sql]


def as_text(sql: Any) -> str:
    """A statement as text, whatever psycopg was given."""
    if isinstance(sql, str):
        return sql
    if isinstance(sql, Composable):
        return sql.as_string(None)
    return sql.decode(errors="replace") if isinstance(sql, bytes) else str(sql)


def refuse_to_end(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """An execute wrapper. It refuses a statement before it runs: after the ROLLBACK of one handler the COMMIT
    of another one would succeed.
    """
    text = as_text(sql)
    if ends(text):
        raise EffectsLost(ENDED)
    if any(map(_CHECKS.match, statements(text))):
        raise EffectsLost(CHECKS)
    return execute(sql, params, many, context)
