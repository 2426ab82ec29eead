"""Refuses writes of handlers to other databases, because they would stay when the event is rolled back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from django.db import connections

from inbox.errors import WroteElsewhere
from inbox.handling.batch import is_handling

_SPACE = r"(?>\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*"
_READS = re.compile(
    _SPACE + r"(select|values|table|show|explain|fetch|declare|close|set|reset|begin|start|commit|end"
    r"|rollback|savepoint|release|pragma|with)\b",
    re.IGNORECASE | re.DOTALL,
)
_WRITES = re.compile(r"\b(insert|update|delete|merge)\b(?!\s+of\b)", re.IGNORECASE)
_LOCKS = re.compile(r"\bfor\s+(no\s+key\s+)?update\b", re.IGNORECASE)


class Guard:
    """An execute wrapper of the database ``alias``."""

    def __init__(self, alias: str, inbox: str) -> None:
        self._alias = alias
        self._inbox = inbox

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if is_handling() and writes(str(sql)):
            raise WroteElsewhere(
                f"a handler wrote to database {self._alias!r}, but only what it writes to {self._inbox!r} is "
                "committed and rolled back with its event: correct the router, or name the database in "
                "INBOX['OTHER_DATABASES']"
            )
        return execute(sql, params, many, context)


def install(inbox: str, allowed: Collection[str]) -> None:
    """Guard every database but the inbox's and those that are allowed, in this thread."""
    for alias in connections:
        wrappers = connections[alias].execute_wrappers
        wrappers[:] = [wrapper for wrapper in wrappers if not isinstance(wrapper, Guard)]
        if alias != inbox and alias not in allowed:
            wrappers.append(Guard(alias, inbox))


def writes(sql: str) -> bool:
    """Whether a statement may write. Functions that write are not seen."""
    head = _READS.match(sql)
    if head is None:
        return True
    return head[1].lower() in ("with", "explain") and bool(_WRITES.search(_LOCKS.sub("", sql)))
