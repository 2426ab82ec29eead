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
_SPACE = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_CHECKS = re.compile(_SPACE + r"SET\s+CONSTRAINTS\s+ALL\s+IMMEDIATE\b", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile(
    _SPACE + r"(COMMIT|END|ABORT|BEGIN|START\s+TRANSACTION|PREPARE\s+TRANSACTION"
    r"|ROLLBACK(?!\s+(WORK\s+|TRANSACTION\s+)?TO\b))\b",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(
    r"""E'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | (\$\w*\$).*?\1 | --[^\n]* | /\*.*?\*/""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def ends(sql: str) -> bool:
    """Whether a statement, or one of several in one string, ends the transaction."""
    return _begins(_ENDS, sql)


def _begins(pattern: re.Pattern[str], sql: str) -> bool:
    """Whether one of the statements in a string begins like this."""
    if pattern.match(sql):
        return True
    return ";" in sql and any(map(pattern.match, _QUOTED.sub(" ", sql).split(";")))


def _text(sql: Any) -> str:
    if isinstance(sql, Composable):
        return sql.as_string(None)
    return sql.decode(errors="replace") if isinstance(sql, bytes) else str(sql)


def refuse_to_end(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """An execute wrapper. It refuses a statement before it runs: after the ROLLBACK of one handler the COMMIT
    of another one would succeed.
    """
    text = sql if isinstance(sql, str) else _text(sql)
    if ends(text):
        raise EffectsLost(ENDED)
    if _begins(_CHECKS, text):
        raise EffectsLost(CHECKS)
    return execute(sql, params, many, context)
