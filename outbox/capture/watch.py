"""Notices statements that may change a row that is known already."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model

_QUERY = re.compile(r"(?>\s+|\(|--[^\n]*|/\*.*?\*/)*+(select|with)\b", re.DOTALL)
_WRITE = re.compile(r"\b(?:insert|update|delete|merge)\b")


class Watch:
    """Calls ``forget`` before each statement on a connection that names a table of ``model`` and is more than
    a query: a bulk write, a nested save, or plain SQL.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, model: type[Model], forget: Callable[[], None]
    ) -> None:
        self._wrappers: list[Any] = connection.execute_wrappers
        self._tables = _tables_of(model)
        self._forget = forget
        self._wrappers.insert(0, self)  # others remove theirs from the end

    def __call__(
        self, execute: Callable[..., Any], sql: Any, parameters: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        text = (sql if isinstance(sql, str) else _text(sql, context)).lower()
        for name, pattern in self._tables:
            if name in text and pattern.search(text) and not _only_reads(text):
                self._forget()
        return execute(sql, parameters, many, context)

    def stop(self) -> None:
        self._wrappers.remove(self)


def _text(sql: Any, context: dict[str, Any]) -> str:
    """The statement as text: the driver also takes bytes and its own composed statements."""
    if isinstance(sql, bytes):
        return sql.decode(errors="replace")
    return str(sql.as_string(context["connection"].connection)) if hasattr(sql, "as_string") else str(sql)


def _only_reads(text: str) -> bool:
    """Whether it is a single query. A second statement may follow it, and its WITH may contain a write."""
    query = _QUERY.match(text)
    if query is None or ";" in text.rstrip("; \n"):
        return False
    return query[1] == "select" or _WRITE.search(text) is None


@cache
def _tables_of(model: type[Model]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The names of its tables, with those of its parents. A name may have a schema in front of it."""
    models = (model, *model._meta.all_parents)
    tables = {each._meta.db_table for each in models}
    names = [table.rpartition('".')[2].strip('"').lower() for table in tables]
    return tuple((name, re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")) for name in names)
