"""The metrics of an outbox, read from its database for each scrape. A relay with ``--http`` shows them; other
processes register ``OutboxCollector``:

    from prometheus_client import REGISTRY
    from outbox.metrics import OutboxCollector

    REGISTRY.register(OutboxCollector())
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError

from outbox.operations import retention
from outbox.status import ShardReport, State, Status, reading
from outbox.status.extent import Extent
from outbox.status.extent import read as read_extent
from outbox.status.report import AuditReport
from outbox_core.database import own_connection
from outbox_core.metrics.background import Background
from outbox_core.metrics.declared import Metric, Sample, counter, gauge
from outbox_core.operations.report import Cause

UP = gauge("outbox_up", "1 if the status of the outbox could be read for this scrape.", "database")
STATE = gauge(
    "outbox_state",
    "1 for the state of the outbox, as outbox_status says it, 0 for others.",
    "database",
    "state",
)
PENDING = gauge(
    "outbox_pending_events",
    f"Events that wait to be published, counted up to {reading.COUNT_UP_TO:,} a shard.",
    "database",
    "shard",
)
OLDEST = gauge(
    "outbox_oldest_pending_age_seconds", "Age of the oldest of them; 0 if there is none.", "database", "shard"
)
PUBLISHED = counter(
    "outbox_published_events_total", "Events published so far, by all relays.", "database", "shard"
)
HELD = gauge("outbox_held_events", "Events behind holds, by reason and topic.", "database", "reason", "topic")
HOLDS = gauge("outbox_holds", "Holds, by reason and topic.", "database", "reason", "topic")
OLDEST_HOLD = gauge(
    "outbox_oldest_hold_age_seconds", "Age of the oldest of these holds.", "database", "reason", "topic"
)
RELAYS = gauge("outbox_relays_alive", "Relays with a recent heartbeat.", "database")
SHARDS = gauge("outbox_shards", "Shards of the outbox.", "database")
UNOWNED = gauge("outbox_shards_without_owner", "Shards that no relay owns.", "database")
ROWS = gauge("outbox_log_events", "Events in the table, as PostgreSQL last estimated them.", "database")
BYTES = gauge("outbox_log_bytes", "Bytes of the table, with its indexes.", "database")
OLDEST_ROW = gauge("outbox_log_oldest_event_age_seconds", "Age of the oldest event in the table.", "database")
RETENTION = gauge(
    "outbox_retention_seconds", "How long published events are kept: RETENTION_DAYS.", "database"
)
PROVED_AGE = gauge(
    "outbox_audit_proved_age_seconds",
    "Seconds since the moment up to which a continuous audit has proved everything; missing without one.",
    "database",
)
DIFFERENCES = gauge(
    "outbox_audit_differences", "Differences between outbox and Kafka that it has found.", "database"
)
METRICS: tuple[Metric, ...] = (
    *(UP, STATE, PENDING, OLDEST, PUBLISHED, HELD, HOLDS, OLDEST_HOLD, RELAYS, SHARDS, UNOWNED),
    *(ROWS, BYTES, OLDEST_ROW, RETENTION, PROVED_AGE, DIFFERENCES),
)
NOT_READ = (State.UNREADABLE, State.NOT_MIGRATED)
STATEMENT_TIMEOUT = "5s"
Figures = tuple[Status, Extent | None]


class OutboxCollector:
    """A collector for a registry of prometheus_client: the outbox of one database.

    Each scrape reads the figures on a connection of its own, within seconds; without the database only
    ``outbox_up`` remains. Needs the extra ``metrics``.
    """

    def __init__(self, database: str = DEFAULT_DB_ALIAS) -> None:
        from outbox_core.metrics.prometheus import Collector

        collector = Collector(reader(database), METRICS)
        self.collect, self.describe = collector.collect, collector.describe


def reader(database: str) -> Any:
    """A function that returns the samples of now."""
    return partial(_samples, database, Background(partial(_read, database)))


def _read(database: str) -> Figures:
    with own_connection(database):
        status = reading.read(database)
        if status.state in NOT_READ:
            return status, None
        try:
            return status, read_extent(database, STATEMENT_TIMEOUT)
        except (DatabaseError, InterfaceError):
            return status, None


def _samples(database: str, background: Background[Figures]) -> Iterator[Sample]:
    found = background.get()
    if found is None:
        yield Sample(UP, 0, (database,))
    else:
        yield from samples(*found)


def samples(status: Status, extent: Extent | None) -> Iterator[Sample]:
    """A status as samples. Pure, but for the setting of the retention."""
    name = status.database
    yield Sample(UP, status.state not in NOT_READ, (name,))
    for state in State:
        yield Sample(STATE, status.state is state, (name, state.value))
    for shard in status.shards:
        yield from _shard(name, shard)
    if status.shards:
        yield Sample(RELAYS, status.relays_alive, (name,))
        yield Sample(SHARDS, len(status.shards), (name,))
        yield Sample(UNOWNED, sum(shard.owner is None for shard in status.shards), (name,))
    yield from _holds(name, status.causes)
    if status.audit is not None:
        yield from _audit(name, status.audit)
    if extent is not None:
        yield from _extent(name, extent)


def _shard(name: str, shard: ShardReport) -> Iterator[Sample]:
    where = (name, str(shard.id))
    yield Sample(PENDING, shard.pending, where)
    yield Sample(OLDEST, shard.oldest_pending or 0.0, where)
    yield Sample(PUBLISHED, shard.published, where)


def _holds(name: str, causes: Sequence[Cause]) -> Iterator[Sample]:
    """The groups of all types of one reason and topic together."""
    by_topic: dict[tuple[str, str], list[Cause]] = {}
    for cause in causes:
        by_topic.setdefault((cause.reason, cause.topic), []).append(cause)
    for where, group in by_topic.items():
        yield Sample(HELD, sum(cause.events for cause in group), (name, *where))
        yield Sample(HOLDS, sum(cause.holds for cause in group), (name, *where))
        yield Sample(OLDEST_HOLD, max(cause.oldest for cause in group), (name, *where))


def _audit(name: str, audit: AuditReport) -> Iterator[Sample]:
    yield Sample(DIFFERENCES, audit.differences, (name,))
    if audit.age is not None:
        yield Sample(PROVED_AGE, max(audit.age, 0.0), (name,))


def _extent(name: str, extent: Extent) -> Iterator[Sample]:
    if extent.rows >= 0:
        yield Sample(ROWS, extent.rows, (name,))
    yield Sample(BYTES, extent.bytes, (name,))
    yield Sample(OLDEST_ROW, max(extent.oldest or 0.0, 0.0), (name,))
    yield Sample(RETENTION, retention.period().total_seconds(), (name,))
