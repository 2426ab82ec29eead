"""The truth: every event that a transaction writes is entered in a ledger by the same transaction.

So after any crash what must have been published is what the database itself says was committed. The numbers
of a key are counted in a row that its writers lock, which makes them the commit order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg

from outbox.write.buckets import bucket_of
from outbox.write.statements import INSERT_EVENT, INSERT_EVENTS
from outbox.write.uuid7 import uuid7

TABLES = """
    CREATE TABLE torture_key (topic text, key text, n bigint NOT NULL, PRIMARY KEY (topic, key));
    CREATE TABLE torture_ledger (
        event_id uuid PRIMARY KEY, topic text NOT NULL, key text NOT NULL, n bigint NOT NULL, digest bytea,
        UNIQUE (topic, key, n)
    )
"""
COUNT = """
    INSERT INTO torture_key AS k (topic, key, n) VALUES (%(topic)s, %(key)s, %(count)s)
    ON CONFLICT (topic, key) DO UPDATE SET n = k.n + %(count)s
    RETURNING n
"""
ENTER = """
    INSERT INTO torture_ledger (event_id, topic, key, n, digest)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::bytea[])
"""
READ = "SELECT event_id, topic, key, n, digest FROM torture_ledger"


@dataclass(frozen=True, slots=True)
class Entry:
    """A committed event. ``digest`` is None for a tombstone."""

    event_id: UUID
    topic: str
    key: str
    n: int
    digest: bytes | None


def digest(payload: bytes | None) -> bytes | None:
    return None if payload is None else hashlib.sha256(payload).digest()


def emit(
    connection: psycopg.Connection, topic: str, key: str, payloads: Sequence[bytes | None]
) -> list[UUID]:
    """Write events of one key, in the transaction that is open: to the outbox and to the ledger."""
    values = {"topic": topic, "key": key, "count": len(payloads)}
    row = connection.execute(COUNT, values).fetchone()
    assert row is not None
    first = row[0] - len(payloads) + 1
    ids = [uuid7() for _ in payloads]
    columns = [
        (
            bucket_of(key),
            topic,
            key,
            "torture.event",
            None,
            ident,
            payload,
            "{}",
            "",
        )
        for ident, payload in zip(ids, payloads, strict=True)
    ]
    if len(columns) == 1:
        connection.execute(_of_bytes(INSERT_EVENT), columns[0])
    else:
        turned = [list(column) for column in zip(*columns, strict=True)]
        connection.execute(_of_bytes(INSERT_EVENTS), turned)
    numbers = list(range(first, first + len(ids)))
    enter = [ids, [topic] * len(ids), [key] * len(ids), numbers, [digest(p) for p in payloads]]
    connection.execute(ENTER, enter)
    return ids


def _of_bytes(statement: str) -> str:
    """The outbox's statement for payloads that are no JSON."""
    return statement.format(schema="").replace("application/json", "application/octet-stream")


def read(url: str) -> dict[UUID, Entry]:
    """Every committed event of a database."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        return {row[0]: Entry(*row) for row in connection.execute(READ)}
