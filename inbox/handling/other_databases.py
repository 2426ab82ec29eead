"""Refuses writes of handlers to other databases, and on connections of other threads, because they would stay
when the event is rolled back.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from inbox.errors import WroteElsewhere
from inbox.handling.batch import is_handled_in_another_thread, is_handling

_SPACE = r"(?>\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*"
_READS = re.compile(
    _SPACE + r"(select|values|table|show|explain|fetch|declare|close|set|reset|begin|start|commit|end"
    r"|rollback|savepoint|release|pragma|with)\b",
    re.IGNORECASE | re.DOTALL,
)
_WRITES = re.compile(r"\b(insert|update|delete|merge)\b(?!\s+of\b)", re.IGNORECASE)
_LOCKS = re.compile(r"\bfor\s+(no\s+key\s+)?update\b", re.IGNORECASE)


_UID = "inbox.other_databases"
_ROUTER = "correct the router, or name the database in INBOX['OTHER_DATABASES']"
_THREAD = "run asynchronous code with asgiref.sync.async_to_sync(), or write in the thread of the handler"


class Guard:
    """An execute wrapper of the database ``alias``. On that of the inbox, a handler writes in its own thread
    only.
    """

    def __init__(self, alias: str, inbox: str) -> None:
        self._alias = alias
        self._inbox = inbox

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        away = is_handled_in_another_thread()
        is_elsewhere = away if self._alias == self._inbox else is_handling()
        if is_elsewhere and writes(str(sql)):
            raise WroteElsewhere(
                f"a handler wrote to database {self._alias!r}{' in another thread' * away}, but only what it "
                f"writes to {self._inbox!r} in its own thread is committed and rolled back with its event: "
                f"{_THREAD if self._alias == self._inbox else _ROUTER}"
            )
        return execute(sql, params, many, context)


def install(inbox: str, allowed: Collection[str]) -> None:
    """Guard every database but those that are allowed, and that of the inbox in this thread. Threads that a
    handler begins are seen if they have its context, as those of asyncio.
    """
    here = threading.get_ident()

    def guard(connection: BaseDatabaseWrapper, **_: object) -> None:
        alias = connection.alias
        wrappers = connection.execute_wrappers
        wrappers[:] = [wrapper for wrapper in wrappers if not isinstance(wrapper, Guard)]
        # Here, the inbox's own connection is that of the handlers.
        if alias not in allowed and (alias != inbox or threading.get_ident() != here):
            wrappers.append(Guard(alias, inbox))

    for connection in connections.all():
        guard(connection)
    connection_created.disconnect(dispatch_uid=_UID)
    connection_created.connect(guard, weak=False, dispatch_uid=_UID)


def writes(sql: str) -> bool:
    """Whether a statement may write. Functions that write are not seen."""
    head = _READS.match(sql)
    if head is None:
        return True
    return head[1].lower() in ("with", "explain") and bool(_WRITES.search(_LOCKS.sub("", sql)))
