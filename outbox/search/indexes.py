"""Optional indexes, with which a search by key, correlation id or trace id reads only what it finds."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connections

from outbox.errors import OutboxError
from outbox.log.tables import qualifier
from outbox_core.database import own_connection

LONGEST = 200
"""Characters of a value that an index has: an entry of more than 2,700 bytes would fail the INSERT."""


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """An index on ``(expression, id)``. ``kind`` is what is searched by."""

    kind: str
    expression: str

    @property
    def name(self) -> str:
        return f"outbox_event_by_{self.kind}"

    @property
    def ids(self) -> str:
        """The ids of the events with a value, newest first: parameters value, low, value, high, limit. The
        order of both columns keeps the planner from the primary key.
        """
        return self._ids("DESC")

    @property
    def ids_upwards(self) -> str:
        """The same, oldest first."""
        return self._ids("ASC")

    def _ids(self, order: str) -> str:
        pair = f"({self.expression}, id)"
        return (
            f"SELECT id FROM {qualifier()}outbox_event WHERE {pair} > (%s, %s) AND {pair} < (%s, %s) "
            f"AND {self.expression} IS NOT NULL ORDER BY {self.expression} {order}, id {order} LIMIT %s"
        )


KEY = SearchIndex("key", f"left(key, {LONGEST})")
CORRELATION = SearchIndex("correlation", f"left(headers ->> 'correlationid', {LONGEST})")
TRACE = SearchIndex("trace", "substr(headers ->> 'traceparent', 4, 32)")
INDEXES = {index.kind: index for index in (KEY, CORRELATION, TRACE)}

STATE = """
SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = indexrelid)
            THEN CASE WHEN indisvalid THEN 'valid' ELSE 'invalid' END ELSE 'in progress' END
FROM pg_index WHERE indexrelid = to_regclass(%s) AND indrelid = to_regclass(%s)
"""


def _state(using: str, index: SearchIndex) -> str | None:
    names = [f"{qualifier()}{index.name}", f"{qualifier()}outbox_event"]
    with connections[using].cursor() as cursor:
        cursor.execute(STATE, names)
        row = cursor.fetchone()
    return None if row is None else str(row[0])


def is_there(using: str, index: SearchIndex) -> bool:
    """Whether it can be used: an interrupted CREATE INDEX CONCURRENTLY leaves an invalid one."""
    return _state(using, index) == "valid"


def rows(using: str) -> int:
    """About how many events there are, from the statistics of PostgreSQL."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)",
            [f"{qualifier()}outbox_event"],
        )
        return int(cursor.fetchone()[0])


def size(using: str, index: SearchIndex) -> int:
    """Its bytes, 0 if it does not exist."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(pg_relation_size(to_regclass(%s)), 0)", [f"{qualifier()}{index.name}"]
        )
        return int(cursor.fetchone()[0])


def create(using: str, index: SearchIndex) -> bool:
    """Create the index while writers and relays continue. Returns False if it exists. An invalid index of an
    interrupted run is removed first.
    """
    with own_connection(using):
        state = _state(using, index)
        if state == "in progress":
            raise OutboxError(f"Index {index.name} is being made by another session: wait until it is done.")
        if state == "invalid":
            _execute(using, f"DROP INDEX CONCURRENTLY {qualifier()}{index.name}")
        if state != "valid":
            _execute(
                using,
                f"CREATE INDEX CONCURRENTLY {index.name} ON {qualifier()}outbox_event "
                f"(({index.expression}), id) WHERE {index.expression} IS NOT NULL",
            )
        return state != "valid"


def drop(using: str, index: SearchIndex) -> bool:
    """Remove it, whatever state it is in. Returns False if it does not exist."""
    with own_connection(using):
        there = _state(using, index) is not None
        if there:
            _execute(using, f"DROP INDEX CONCURRENTLY {qualifier()}{index.name}")
        return there


def _execute(using: str, sql: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET lock_timeout = 0")
        cursor.execute(sql)
