"""Notices statements that may change a row that is known already."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model


class Watch:
    """Calls ``forget`` before each statement on a connection that names a table of ``model`` and is not a
    SELECT: a bulk write, a nested save, or plain SQL.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, model: type[Model], forget: Callable[[], None]
    ) -> None:
        self._wrappers: list[Any] = connection.execute_wrappers
        self._names = _tables_of(model)
        self._forget = forget
        self._wrappers.insert(0, self)  # others take theirs off the end

    def __call__(self, execute: Callable[..., Any], sql: Any, *rest: Any) -> Any:
        text = str(sql).lower()
        for name in self._names:
            if name in text and _writes(text, name):
                self._forget()
        return execute(sql, *rest)

    def stop(self) -> None:
        self._wrappers.remove(self)


def _writes(text: str, name: str) -> bool:
    return not text.lstrip().startswith("select") and re.search(rf"\b{re.escape(name)}\b", text) is not None


@cache
def _tables_of(model: type[Model]) -> tuple[str, ...]:
    """The names of its tables, with those of its parents. A name may have a schema in front of it."""
    models = (model, *model._meta.all_parents)
    tables = {each._meta.db_table for each in models}
    return tuple(table.rpartition(".")[2].strip('"').lower() for table in tables)
