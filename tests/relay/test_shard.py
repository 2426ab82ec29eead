"""What a relay does between waves, and what its session insists on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection

from outbox_core.wire.encode import BinaryEncoder
from relay.condition import State
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.log.session import Session
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import Desk, Writer, payloads

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


def test_a_relay_that_stops_finishes_the_wave_and_begins_no_other(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a", 3)
    w.commit()
    office.broker._batch_bytes = 1  # each record a wave
    office.shard._context = replace(office.shard._context, stopping=lambda: True)
    assert office.shard.step()
    assert payloads(office.broker.records) == ["a:1"]
    office.reopen()
    assert office.drain() == ["a:2", "a:3"]


@pytest.mark.parametrize("days", [-400, 400])
def test_an_event_of_another_year_is_published(desk: Desks, writer: Writers, days: int) -> None:
    """One that has waited for months behind a pause, or was written under a clock that was wrong."""
    office, w = desk(), writer()
    w.insert("a")
    w.connection.execute("UPDATE outbox_event SET created_at = now() + make_interval(days => %s)", (days,))
    w.commit()
    assert office.drain() == ["a:1"]
    office.reopen()


def test_checkpoints_are_on_disk_whatever_the_default_says(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    try:
        session = Session("default")
        try:
            row = session.connection.execute("SHOW synchronous_commit").fetchone()
        finally:
            session.close()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER RESET synchronous_commit")
    assert row == ("on",)


def test_missing_tables_are_said_with_the_remedy(transactional_db: None) -> None:
    relay = Relay("default", RelaySettings(backoff_seconds=0.01), MemoryPublisher(), BinaryEncoder("/test"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE outbox_shard RENAME TO elsewhere")
    try:
        assert relay.turn()
        assert relay.state is State.DEGRADED
        assert "run `manage.py migrate outbox --database default`" in relay.condition.detail
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO outbox_shard")
        relay.leave()
