"""Reads the status with a fixed number of bounded queries, whatever the size of the log and the backlog."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections

from outbox.conf import settings
from outbox.log import proof
from outbox.log.history import refusal
from outbox.models import Relay
from outbox.operations.bulk import operations
from outbox.sql import statement
from outbox.status import causes
from outbox.status.diagnosis import diagnose
from outbox.status.failure import refused, unreadable
from outbox.status.report import AuditReport, GroupsReport, RelayReport, ShardReport, Status, Thresholds
from outbox.status.stored import stored
from outbox_core.database import by_index
from outbox_core.operations.bulk import waiting
from outbox_core.operations.report import Problem, State
from outbox_core.operations.runbook import Runbook

COUNT_UP_TO = 10_000
LIST_RELAYS = 50
MINUTES = 60
ALIVE_SECONDS = 15.0
STATEMENT_TIMEOUT = "10s"


def read(using: str = DEFAULT_DB_ALIAS, thresholds: Thresholds | None = None) -> Status:
    """The status of the outbox on database ``using``. A problem of that database is not an exception but part
    of the status.
    """
    thresholds = thresholds or Thresholds()
    connection = connections[using]
    if connection.vendor != "postgresql":
        return unreadable(using, f"Database {using!r} is {connection.display_name}, not PostgreSQL.")
    try:
        with by_index(using, statement_timeout=STATEMENT_TIMEOUT):
            problems = _proof(using)
            if any(problem.state is State.REFUSED for problem in problems):
                return Status(database=using, state=State.REFUSED, problems=problems)
            status = _read(using, max(COUNT_UP_TO, thresholds.max_pending), problems)
    except (DatabaseError, InterfaceError) as error:
        return unreadable(using, error)
    return diagnose(status, thresholds)


def _proof(using: str) -> tuple[Problem, ...]:
    """Why the log cannot be read safely, and other things that a person should check."""
    read = proof.through(using)
    found = proof.facts(read)
    if found is None:
        return ()
    refusals = [refused(error) for error in proof.refusals(read, found)]
    page = Runbook.PRECONDITIONS.url
    doubts = [
        Problem(state=State.DEGRADED, text=text, remedy=remedy, runbook=page)
        for text, remedy in proof.doubts(found)
    ]
    return (*refusals, *doubts)


def _read(using: str, cap: int, problems: tuple[Problem, ...]) -> Status:
    with connections[using].cursor() as cursor:
        cursor.execute(statement("shards", cap=cap).replace("{pending}", statement("pending", cap=cap + 1)))
        rows = cursor.fetchall()
        shards = [_shard(row, cap) for row in rows]
        unproven = [shard.id for shard, row in zip(shards, rows, strict=True) if not row[-1]]
        cursor.execute(statement("throughput", minutes=MINUTES))
        at, rate, latency_ms, latency_ms_max, minutes, consumer_groups, audited, oldest = cursor.fetchone()
    if unproven:
        problems = (refused(refusal(*unproven)), *problems)
    problems = (*problems, *waiting.problems(operations, using))
    held = causes.read(using, at, cap)
    status = Status(
        database=using,
        state=State.OK,
        problems=problems,
        at=at,
        rate=rate,
        latency_ms=latency_ms,
        latency_ms_max=latency_ms_max,
        minutes=tuple(minutes),
        oldest=oldest,
        retention_days=settings().retention_days,
        relays=tuple(_relays(using, at)),
        shards=tuple(shards),
        held=held.events,
        held_capped=held.capped,
        holds=held.holds,
        holds_total=held.total,
        holds_capped=held.capped,
        causes=held.causes,
        consumer_groups=stored(consumer_groups, GroupsReport),
        audit=stored(audited, AuditReport),
    )
    return _with_owners(_with_totals(status))


def _shard(row: tuple[Any, ...], cap: int) -> ShardReport:
    number, first, last, epoch, owner, pending, oldest, published, age, locked_by, _ = row
    return ShardReport(
        id=number,
        first_bucket=first,
        last_bucket=last,
        epoch=epoch,
        owner=owner,
        owner_name=None,
        pending=min(pending, cap),
        pending_capped=pending > cap,
        oldest_pending=oldest,
        published=published,
        checkpoint_age=age,
        locked_by=locked_by,
    )


def _relays(using: str, at: datetime) -> list[RelayReport]:
    relays = Relay.objects.using(using).order_by("-heartbeat_at")[:LIST_RELAYS]
    return [
        RelayReport(
            id=relay.id,
            name=f"{relay.host}:{relay.pid}",
            state=relay.state,
            detail=relay.detail,
            alive=at - relay.heartbeat_at <= timedelta(seconds=ALIVE_SECONDS),
            silent=_seconds(at - relay.heartbeat_at),
            uptime=_seconds(at - relay.started_at),
            lasting=_seconds(at - relay.state_since),
        )
        for relay in relays
    ]


def _seconds(age: timedelta) -> float:
    return max(age.total_seconds(), 0.0)


def _with_totals(status: Status) -> Status:
    ages = [shard.oldest_pending for shard in status.shards if shard.oldest_pending is not None]
    return replace(
        status,
        pending=sum(shard.pending for shard in status.shards),
        pending_capped=any(shard.pending_capped for shard in status.shards),
        oldest_pending=max(ages, default=None),
        published=sum(shard.published for shard in status.shards),
    )


def _with_owners(status: Status) -> Status:
    names = {relay.id: relay.name for relay in status.relays}
    shards = (
        replace(shard, owner_name=names.get(shard.owner)) if shard.owner else shard for shard in status.shards
    )
    return replace(status, shards=tuple(shards))
