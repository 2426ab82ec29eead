"""Sees each statement of a handler before it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inbox.handling.endings import refuse
from inbox.handling.session import SessionSettings
from inbox.handling.statements import as_text, is_plain


class StatementGuard:
    """An execute wrapper: it refuses what no handler may run, and stores settings before they change."""

    def __init__(self, session: SessionSettings) -> None:
        self._session = session

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        text = as_text(sql)
        if not is_plain(text):
            refuse(text)
            self._session.store(context["connection"], text, params)
        return execute(sql, params, many, context)
