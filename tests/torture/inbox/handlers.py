"""The handlers: an effect for each event, and poison that they take only once there is an antidote.

Each key has events for both of them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import DatabaseError, connection

import inbox
from tests.torture.inbox.tables import FIND_ANTIDOTE, GATHER, TAKE_EFFECT


@dataclass(frozen=True, slots=True)
class Step:
    """``poison`` is how the handler fails, empty if it does not."""

    poison: str = ""


class Gathered(inbox.Batch):
    """Writes all events of a transaction at its end, as handlers that gather do."""

    def __init__(self) -> None:
        self.event_ids: list[str] = []

    def write(self) -> None:
        _execute(GATHER, [self.event_ids])


@inbox.handler("torture.step")
def step(payload: Step | None, event: inbox.Event) -> None:
    if payload is not None and payload.poison and not _execute(FIND_ANTIDOTE, [event.id]):
        _fail(payload.poison, event)
    _execute(TAKE_EFFECT, _values(event, int(event.sequence or 0)))
    Gathered.current().event_ids.append(event.id)


@inbox.handler("torture.many", batch=True)
def many(payloads: list[Step | None], events: list[inbox.Event]) -> None:
    for payload, event in zip(payloads, events, strict=True):
        step(payload, event)


def _fail(poison: str, event: inbox.Event) -> None:
    """Fail as ``poison`` says; what ends the transaction is not reported by an error of its own."""
    if poison in ERRORS:
        raise ERRORS[poison]
    if poison == "constraint":
        _execute(TAKE_EFFECT, _values(event, -1))
    if poison == "dies":
        os._exit(DIED)
    if poison in CAUGHT:
        with suppress(psycopg.Error, DatabaseError):
            CAUGHT[poison]()
        return
    if poison in STATEMENTS:
        _execute(STATEMENTS[poison], None)
        return
    raise ValueError(poison)


DIED = 137
ERRORS: dict[str, BaseException] = {
    "refused": inbox.Poison("refused"),
    "webhook": TimeoutError("a webhook"),
    "later": inbox.RetryLater("not yet"),
    "cancelled": asyncio.CancelledError(),
    "exit": SystemExit(1),
}
STATEMENTS = {
    "currval": "CREATE TEMP SEQUENCE torture_s; SELECT currval('torture_s')",
    "timeout": "SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)",
    "deadlock": "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40P01'; END $$",
    "commit": "COMMIT",
    "rollback": "ROLLBACK",
}
CAUGHT: dict[str, Callable[[], object]] = {
    "swallowed": lambda: _execute("SELECT 1 / 0", None),
    "committed": lambda: connection.connection.commit(),
    "undone": lambda: connection.connection.rollback(),
}
"""The handler catches the errors of these, and then writes. The first leaves a transaction that can only roll
back, the others one that is over.
"""


def _values(event: inbox.Event, n: int) -> dict[str, Any]:
    values = {"event_id": event.id, "topic": event.topic, "partition": event.partition}
    return {**values, "key": event.key, "n": n}


def _execute(statement: str, parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
