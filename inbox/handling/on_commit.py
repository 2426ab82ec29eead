"""Functions of transaction.on_commit(): if one fails, those of other events still run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from inbox.handling.running import Function, run_function
from inbox.handling.savepoints import leave_all
from inbox.signals import on_commit_failed


def isolate(connection: BaseDatabaseWrapper, consumer: str, failed: Callable[[BaseException], None]) -> None:
    """Call it before the commit of a transaction. Django runs its functions afterwards, and stops at the
    first one that fails: an error would look as if the transaction had failed. ``failed`` is called for it.
    """
    if connection.run_on_commit:
        hooks: list[Any] = connection.run_on_commit  # each with its savepoints, and whether it is robust
        hooks[:] = [
            (ids, partial(_run, function, connection, consumer, failed), robust)
            for ids, function, robust in hooks
        ]


def _run(
    function: Callable[[], object],
    connection: BaseDatabaseWrapper,
    consumer: str,
    failed: Callable[[BaseException], None],
) -> None:
    try:
        try:
            run_function(function)
        finally:
            leave_all(connection)
    except Exception as error:
        on_commit_failed.send(consumer, function=Function.of(function).name, error=error)
        failed(error)
