"""Handlers that wait, fail or die as their events say. An effect is a row, with the process it came from."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from django.db import connection

import inbox

GATE = 7
"""The advisory lock that ``waits`` needs."""
TABLES = """
    CREATE TABLE effect (id serial, key text, n int, pid int, at timestamptz DEFAULT clock_timestamp());
    CREATE TABLE outage (started_at timestamptz DEFAULT clock_timestamp());
"""


@dataclass(frozen=True, slots=True)
class Labour:
    """Number ``n`` of its key. Its handler takes ``seconds``. ``deed``: how it fails; empty: it succeeds."""

    n: int
    seconds: float = 0.0
    deed: str = ""


@inbox.handler("test.labour")
def labour(what: Labour, event: inbox.Event) -> None:
    with connection.cursor() as cursor:
        time.sleep(what.seconds)
        cursor.execute("SELECT FROM outage")
        if cursor.rowcount:
            raise LookupError("what all events need is away")
        if what.deed == "dies":
            os._exit(137)
        if what.deed == "waits":
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [GATE])
        elif what.deed:
            raise ValueError(what.deed)
        cursor.execute(
            "INSERT INTO effect (key, n, pid) VALUES (%s, %s, %s)", [event.key, what.n, os.getpid()]
        )
