"""Nobody waits for somebody else's trouble."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connection

from outbox.models import Held
from outbox_core.wire.encode import BinaryEncoder, Record
from relay import signals
from relay.condition import State
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.errors import PublisherUnavailable
from relay.log.session import Session
from relay.publishers.base import Failure, Outcome, Trouble
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import Desk, Writer, divide, insert, pause, resume, running
from tests.waiting import wait_until

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
ATTEMPT_SECONDS = 0.5


class HalfDown(MemoryPublisher):
    """The partitions of topic ``bad`` have no leader."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        if records[0].topic == "bad":
            return [Failure(Trouble.RETRIABLE, "no leader")]
        return super().publish(records)


class SlowlyDown(HalfDown):
    """An attempt at topic ``bad`` takes a while, as with a partition that has no leader."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        if records[0].topic == "bad":
            time.sleep(ATTEMPT_SECONDS)
        return super().publish(records)


def test_a_shard_in_trouble_keeps_no_other_waiting(transactional_db: None) -> None:
    divide(2)
    broker = HalfDown()
    with running(broker, backoff_seconds=0.2) as relay:
        wait_until(lambda: len(relay.shards) == 2, 60, "both shards")
        insert(0, "bad")
        wait_until(lambda: relay.state is State.DEGRADED, 60, "trouble")
        insert(200, "good", 5)
        wait_until(lambda: len(broker.records) == 5, 60, "the events of the other shard")
        assert (relay.state, "no leader" in relay.condition.detail) == (State.DEGRADED, True)


def test_a_release_in_trouble_is_said_once_and_keeps_no_other_waiting(transactional_db: None) -> None:
    told: list[State] = []

    def tell(*, new: State, **_: Any) -> None:
        told.append(new)

    pause("bad")
    broker = HalfDown()
    relay = Relay("default", RelaySettings(backoff_seconds=0.01), broker, BinaryEncoder("/test"))
    insert(0, "bad")
    relay.turn()
    pause("other")
    insert(1, "other")
    relay.turn()
    resume("bad")
    resume("other")
    signals.state_changed.connect(tell)
    try:
        for number in range(30):
            insert(number, "good")
            relay.connected._release_at = 0.0  # type: ignore[union-attr]
            relay.turn()
            relay._stop.wait(0.005)
    finally:
        signals.state_changed.disconnect(tell)
        relay.leave()
    assert told == [State.DEGRADED]
    assert sorted({record.topic for record in broker.records}) == ["good", "other"]
    assert len(broker.records) == 31


def test_attempts_that_take_long_leave_others_as_much_time(transactional_db: None) -> None:
    divide(2)
    broker = SlowlyDown()
    relay = Relay("default", RelaySettings(backoff_seconds=0.01), broker, BinaryEncoder("/test"))
    insert(200, "good")
    relay.turn()
    insert(0, "bad")
    bad = relay.shards[0]

    def turned(condition: Callable[[], bool]) -> bool:
        relay.turn()
        return condition()

    wait_until(lambda: turned(lambda: bool(bad.trouble)), 60, "the attempt has failed")
    assert bad._publishing.left <= 0.01, "it may be an outage for all: it is tried again at once"
    insert(200, "good")
    waits = partial(turned, lambda: bad._publishing.left >= ATTEMPT_SECONDS / 2)
    wait_until(waits, 60, "the attempts leave time for others")
    assert len(broker.records) == 2
    relay.leave()


def test_a_slow_release_leaves_new_events_as_much_time(transactional_db: None) -> None:
    relay = Relay("default", RelaySettings(backoff_seconds=0.01), SlowlyDown(), BinaryEncoder("/test"))
    pause("bad")
    insert(0, "bad")
    relay.turn()
    resume("bad")
    relay.connected._release_at = 0.0  # type: ignore[union-attr]
    relay.turn()
    (shard,) = relay.shards.values()
    assert shard._hold_releases.backoff.left > ATTEMPT_SECONDS / 2
    relay.leave()


def test_a_pause_during_an_outage_holds_for_the_page_in_hand(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a", 3)
    w.commit()
    office.broker.available = False
    with pytest.raises(PublisherUnavailable):
        office.shard.step()
    pause("t")
    office.broker.available = True
    assert office.drain() == []
    assert Held.objects.count() == 3


def test_a_proof_that_fails_leaves_no_session_open(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(session: Session) -> None:
        raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")

    def sessions() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND backend_type = 'client backend'"
            )
            return int(cursor.fetchone()[0])

    monkeypatch.setattr(Session, "prove", cancelled)
    relay = Relay("default", RelaySettings(backoff_seconds=0.01), HalfDown(), BinaryEncoder("/test"))
    before = sessions()
    gc.disable()  # it would close forgotten sessions some time later
    try:
        for _ in range(3):
            relay.turn()
        wait_until(lambda: sessions() == before, 60, "the server has seen all ends")
    finally:
        gc.enable()
        relay.leave()
