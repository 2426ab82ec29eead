"""Proves that a session sees the same log as the writers, and that the ids of events are in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from django.db import connections

from outbox.conf import settings
from outbox.errors import LogUnsafe
from outbox.log.privileges import STATUS, pairs
from outbox.sql import text
from outbox_core.grants import grants

Read = Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]]
"""Runs a statement and returns its rows."""
XID, NOW = "pg_current_xact_id()", "clock_timestamp()"
DEFAULTS = {"outbox_event.xid": XID, "outbox_checkpoint.xid": XID}


class IdSequence(msgspec.Struct, frozen=True):
    """Where the ids of events come from."""

    name: str
    cache: int
    increment: int
    cycle: bool
    readable: bool


class Facts(msgspec.Struct, frozen=True):
    """What ``proof.sql`` reads from the catalogues."""

    oid: int
    kind: str
    schema: str
    role: str
    schemas: list[str]
    usage: bool
    filtered: list[str]
    unlogged: bool | None
    missing: list[tuple[str, str]]
    indexed: bool
    defaults: dict[str, str] | None
    changers: list[str]
    sequence: IdSequence | None
    unsafe: list[str]


def through(using: str) -> Read:
    """Reads on Django's connection."""

    def read(query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with connections[using].cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    return read


def facts(read: Read, needs: Mapping[str, str] = STATUS) -> Facts | None:
    """The facts about the outbox that writers use. None if there is no outbox."""
    tables, privileges = pairs(needs)
    parameters = {"schema": settings().schema or None, "tables": tables, "privileges": privileges}
    rows = read(text("proof"), parameters)
    return msgspec.json.decode(rows[0][0], type=Facts) if rows else None


def refusals(read: Read, found: Facts, *, strict: bool = False) -> list[LogUnsafe]:
    """Reasons against moving a position on this log; empty if there are none. ``strict`` also refuses what
    cannot be read.
    """
    return [*blind(found)] or [*damaged(found)] or [*misnumbered(read, found, strict=strict)]


def blind(found: Facts) -> Iterator[LogUnsafe]:
    """The problems that hide rows from this session or forbid it something."""
    if not found.usage:
        yield LogUnsafe(
            f"Role {found.role} may not use schema {found.schema}.",
            f"GRANT USAGE ON SCHEMA {found.schema} TO {found.role};",
        )
    if found.missing:
        yield LogUnsafe(
            f"Role {found.role} does not have all privileges on the tables of the outbox.",
            grants(found.missing, found.schema, found.role),
        )
    for table in found.filtered:
        yield LogUnsafe(
            f"Row level security hides rows of {found.schema}.{table} from role {found.role}: "
            "events that it hides would be lost.",
            f"ALTER ROLE {found.role} BYPASSRLS; or ALTER TABLE {found.schema}.{table} DISABLE ROW LEVEL "
            "SECURITY;",
        )
    if found.kind not in "rp":
        yield LogUnsafe(
            f"{found.schema}.outbox_event is not a table.",
            "Set OUTBOX['SCHEMA'] to the schema that holds the table outbox_event.",
        )


def damaged(found: Facts) -> Iterator[LogUnsafe]:
    """The differences between the tables and what the migrations create."""
    schema = found.schema
    if found.unlogged is False:
        yield LogUnsafe(
            f"{schema}.outbox_incarnation is not UNLOGGED, so a crash of PostgreSQL would go unnoticed.",
            f"ALTER TABLE {schema}.outbox_incarnation SET UNLOGGED;",
        )
    if not found.indexed:
        yield LogUnsafe(
            f"{schema}.outbox_event has no valid index on (xid, id): each poll would read the whole table.",
            f"CREATE INDEX CONCURRENTLY outbox_event_xid ON {schema}.outbox_event (xid, id);",
        )
    for column, default in DEFAULTS.items():
        if (found.defaults or {}).get(column) != default:
            table, _, name = column.partition(".")
            yield LogUnsafe(
                f"The default of {schema}.{column} is not {default}, so its transactions are not known.",
                f"ALTER TABLE {schema}.{table} ALTER COLUMN {name} SET DEFAULT {default};",
            )


def misnumbered(read: Read, found: Facts, *, strict: bool = False) -> Iterator[LogUnsafe]:
    """The reasons why new ids may be smaller than earlier ones."""
    sequence = found.sequence
    if sequence is None:
        return
    if sequence.cache > 1:
        yield LogUnsafe(
            f"Sequence {sequence.name} has CACHE {sequence.cache}: each session numbers its events from a "
            "block of its own, so events of one key would be published in the wrong order.",
            f"ALTER SEQUENCE {sequence.name} CACHE 1; then close the sessions of all writers.",
        )
    if sequence.increment < 1 or sequence.cycle:
        yield LogUnsafe(
            f"Sequence {sequence.name} counts down or starts again at its end, so ids are no order.",
            f"ALTER SEQUENCE {sequence.name} INCREMENT 1 NO CYCLE;",
        )
    if strict and not sequence.readable:
        yield LogUnsafe(
            f"Role {found.role} may not read sequence {sequence.name}, so it cannot see whether that is "
            "behind its table.",
            f"GRANT SELECT ON SEQUENCE {sequence.name} TO {found.role};",
        )
    if sequence.readable:
        statement = text("numbering").format(schema=f"{found.schema}.", sequence=sequence.name)
        largest, following = read(statement, {})[0]
        if following <= largest:
            yield LogUnsafe(
                f"Sequence {sequence.name} gives {following} next, and {found.schema}.outbox_event has ids "
                f"up to {largest}: writers would fail, or be published in the wrong order.",
                f"SELECT setval('{sequence.name}', {largest});",
            )


def doubts(found: Facts) -> Iterator[tuple[str, str]]:
    """What a person should look at, and the remedy."""
    for changer in found.changers:
        yield (
            f"The {changer} on {found.schema}.outbox_event may change or drop events before they are stored.",
            "Drop it, or make sure that it does not change id, xid, bucket, topic, key and payload.",
        )
    if (found.defaults or {}).get("outbox_event.created_at") != NOW:
        yield (
            f"The default of {found.schema}.outbox_event.created_at is not {NOW}, so ages are wrong.",
            f"ALTER TABLE {found.schema}.outbox_event ALTER COLUMN created_at SET DEFAULT {NOW};",
        )


def server_doubts(found: Facts) -> Iterator[tuple[str, str]]:
    """What a person should look at in the server and the search_path, and the remedy."""
    for setting in found.unsafe:
        yield (
            f"PostgreSQL runs with {setting} off: a crash of the machine may damage the log.",
            f"Set {setting} = on in postgresql.conf.",
        )
    if len(found.schemas) > 1 and not settings().schema:
        yield (
            f"The search_path chooses {found.schema} among several outboxes: {', '.join(found.schemas)}.",
            "Set OUTBOX['SCHEMA'] to the schema of this outbox.",
        )
