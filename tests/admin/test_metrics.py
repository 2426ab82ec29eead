"""The figures of an outbox for Prometheus: those of its status, on a connection of their own, or none."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import prometheus_client
import pytest
from django.db import connection, connections

from outbox import metrics
from outbox.metrics import OutboxCollector
from outbox.models import OutboxEvent
from outbox.status import State, Status
from outbox_core.metrics import background
from outbox_core.operations.report import Cause
from tests.relay.conftest import insert

Series = dict[str, float]


def scraped(collector: OutboxCollector) -> Series:
    """What a registry shows, by series."""
    registry = prometheus_client.CollectorRegistry(auto_describe=True)
    registry.register(collector)
    lines = prometheus_client.generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, _, value in (row.rpartition(" ") for row in lines if row[0] != "#")}


def test_the_figures_of_a_database_are_read_by_another_connection(transactional_db: None) -> None:
    OutboxEvent.objects.all().delete()
    insert(0, "t", 3)
    mine = connection.connection
    series = scraped(OutboxCollector())
    assert connection.connection is mine
    assert series['outbox_up{database="default"}'] == 1
    assert series['outbox_pending_events{database="default",shard="0"}'] == 3
    assert 0 < series['outbox_oldest_pending_age_seconds{database="default",shard="0"}'] < 60
    assert series['outbox_state{database="default",state="no relay"}'] == 1
    assert series['outbox_shards_without_owner{database="default"}'] == 1
    assert series['outbox_log_bytes{database="default"}'] > 0
    assert 0 < series['outbox_log_oldest_event_age_seconds{database="default"}'] < 60
    assert series['outbox_retention_seconds{database="default"}'] > 0


@pytest.mark.parametrize("accepts", [False, True], ids=["refuses", "is silent"])
def test_without_the_database_only_that_is_said_and_in_time(
    monkeypatch: pytest.MonkeyPatch, accepts: bool, db: None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setitem(connections.settings["other"], "HOST", "127.0.0.1")
        monkeypatch.setitem(connections.settings["other"], "PORT", silent.getsockname()[1] if accepts else 1)
        began = time.monotonic()
        series = scraped(OutboxCollector("other"))
        assert time.monotonic() - began < background.PATIENCE_SECONDS + 3
    assert series['outbox_up{database="other"}'] == 0
    assert not [name for name in series if name.startswith(("outbox_pending", "outbox_log"))]


def test_a_log_that_is_refused_is_a_state_without_figures() -> None:
    status = Status(database="default", state=State.REFUSED)
    series = {(sample.metric.name, *sample.labels): sample.value for sample in metrics.samples(status, None)}
    assert series["outbox_up", "default"] == 1
    assert series["outbox_state", "default", "refused"] == 1
    assert {name for name, *_ in series} == {"outbox_up", "outbox_state"}


def test_holds_are_counted_by_their_reason_and_topic() -> None:
    group = Cause(
        reason="poison",
        topic="t",
        type="a",
        holds=2,
        keys=2,
        events=5,
        capped=False,
        oldest=9.0,
        newest=9.0,
        attempts=1,
        releasing=0,
        example=1,
        sample="",
        detail="",
    )
    of_another_type = replace(group, type="b", holds=1, events=1, oldest=3.0)
    status = Status(database="default", state=State.HELD, causes=(group, of_another_type))
    series = {(sample.metric.name, *sample.labels): sample.value for sample in metrics.samples(status, None)}
    where = ("default", "poison", "t")
    assert series["outbox_held_events", *where] == 6
    assert series["outbox_holds", *where] == 3
    assert series["outbox_oldest_hold_age_seconds", *where] == 9
