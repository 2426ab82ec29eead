"""A relay that alone does not reach Kafka lets others publish; an outage for all moves nothing to and fro."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from outbox.models import Held
from outbox_core.wire.encode import Record
from relay import signals, step_down
from relay.cluster.lease import Lease
from relay.condition import State
from relay.engine import Relay
from relay.publishers.base import Failure, Outcome, Trouble
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import insert, pause, resume, running
from tests.waiting import wait_until

PATIENCE = 0.8
"""Longer than between two heartbeats: a relay that hands over must have been seen in trouble."""
FAST = {"lease_seconds": 2.0, "backoff_seconds": 0.05}


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_down, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(step_down, "PROBE_EVERY_SECONDS", 0.05)


@pytest.fixture
def owners() -> Iterator[list[object]]:
    """The ids of the relays that have taken over a shard, one after the other."""
    taken: list[object] = []

    def note(*, lease: Lease, **_: object) -> None:
        taken.append(lease.owner)

    signals.shard_acquired.connect(note)
    yield taken
    signals.shard_acquired.disconnect(note)


@contextmanager
def owner_and_standby(its: MemoryPublisher, others: MemoryPublisher) -> Iterator[tuple[Relay, Relay]]:
    """Two relays, each with a broker of its own; the first owns the shard."""
    with running(its, **FAST) as first:
        wait_until(lambda: bool(first.shards), 60, "the first relay owns the shard")
        with running(others, **FAST) as second:
            wait_until(lambda: second.state is State.STANDBY, 60, "the second one stands by")
            yield first, second


def unavailable() -> MemoryPublisher:
    broker = MemoryPublisher()
    broker.available = False
    return broker


def test_a_relay_that_alone_does_not_reach_kafka_lets_another_one_publish(
    transactional_db: None, owners: list[object]
) -> None:
    cut, good = unavailable(), MemoryPublisher()
    with owner_and_standby(cut, good) as (first, second):
        insert(0, "t")
        wait_until(lambda: len(good.records) == 1, 60, "the second one publishes")
        assert (first.state, "switched off" in first.condition.detail) == (State.DEGRADED, True)
        insert(0, "t")
        wait_until(lambda: len(good.records) == 2, 60, "it goes on")
        cut.available = True
        wait_until(lambda: first.state is State.STANDBY, 60, "Kafka answers the first one again")
        assert owners == [first.id, second.id]


def all_is_well(first: Relay, second: Relay) -> bool:
    return {first.state, second.state} == {State.PUBLISHING, State.STANDBY}


def has_tried_for_long(relay: Relay) -> bool:
    return bool(relay.shards) and relay._senders.unanswered_seconds > 3 * PATIENCE


def test_in_an_outage_for_all_the_last_one_goes_on_trying(
    transactional_db: None, owners: list[object]
) -> None:
    brokers = unavailable(), unavailable()
    with running(brokers[0], **FAST) as first, running(brokers[1], **FAST) as second:
        wait_until(lambda: all_is_well(first, second), 60, "both run")
        insert(0, "t")
        wait_until(lambda: len(owners) == 2, 60, "one has handed over")
        wait_until(lambda: any(map(has_tried_for_long, (first, second))), 60, "the other one tries for long")
        assert len(owners) == 2
        for broker in brokers:
            broker.available = True
        wait_until(lambda: len(brokers[0].records + brokers[1].records) == 1, 60, "the event is published")
        wait_until(lambda: all_is_well(first, second), 60, "all is well again")
        assert len(owners) == 2


def test_who_has_handed_over_takes_part_again_where_nobody_else_is_left(
    transactional_db: None, owners: list[object]
) -> None:
    cut, good = unavailable(), MemoryPublisher()
    with running(cut, **FAST) as first:
        wait_until(lambda: bool(first.shards), 60, "the first relay owns the shard")
        with running(good, **FAST) as second:
            wait_until(lambda: second.state is State.STANDBY, 60, "the second one stands by")
            insert(0, "t")
            wait_until(lambda: len(good.records) == 1, 60, "the second one publishes")
        insert(0, "t")
        wait_until(lambda: has_tried_for_long(first), 60, "the first one goes on trying")
        cut.available = True
        wait_until(lambda: len(cut.records) == 1, 60, "it publishes")
        assert owners == [first.id, second.id, first.id]


class CutInMidWave(MemoryPublisher):
    """A part of the first wave is acknowledged, then the way to Kafka is closed."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        super().publish(records[:1])
        self.available = False
        return [None, Failure(Trouble.RETRIABLE, "connection reset")]


def test_who_is_cut_off_in_mid_wave_hands_over(transactional_db: None, owners: list[object]) -> None:
    good = MemoryPublisher()
    with owner_and_standby(CutInMidWave(), good) as (first, second):
        insert(0, "t", 2)
        wait_until(lambda: len(good.records) == 1, 60, "the second one publishes the rest")
        assert owners == [first.id, second.id]


def test_who_has_only_held_events_to_publish_hands_over(transactional_db: None, owners: list[object]) -> None:
    cut, good = MemoryPublisher(), MemoryPublisher()
    pause("t")
    insert(0, "t")
    with running(cut, **FAST) as first:
        wait_until(lambda: Held.objects.exists(), 60, "the event is held")
        with running(good, **FAST) as second:
            wait_until(lambda: second.state is State.STANDBY, 60, "the second one stands by")
            cut.available = False
            resume("t")
            wait_until(lambda: len(good.records) == 1, 60, "the second one publishes")
            assert owners == [first.id, second.id]


class Refusing(MemoryPublisher):
    """It answers, and acknowledges nothing, as with too few replicas in sync."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts = 0

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        self.attempts += 1
        return [Failure(Trouble.RETRIABLE, "not enough replicas")] * len(records)


def test_who_is_answered_hands_nothing_over(
    transactional_db: None, owners: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the others it would be the same, and a topic's grace would begin again with each."""
    monkeypatch.setattr(step_down, "PATIENCE_SECONDS", 0.0)
    refusing = Refusing()
    with owner_and_standby(refusing, MemoryPublisher()) as (first, _):
        wait_until(
            lambda: first.connected is not None and first.connected.coordinator.others == 1, 60, "seen"
        )
        insert(0, "t")
        wait_until(lambda: refusing.attempts > 5 or len(owners) > 1, 60, "it has tried often")
        assert owners == [first.id]
