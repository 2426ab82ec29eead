"""A relay that alone does not reach Kafka lets others publish; an outage for all moves nothing to and fro."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from relay import handover, signals
from relay.clock import boottime
from relay.engine import Relay
from relay.errors import PublisherUnavailable
from relay.publishers.base import Failure, Trouble
from relay.publishers.memory import MemoryPublisher
from relay.states import State
from tests.relay.conftest import Desk, Writer, insert, running
from tests.waiting import wait_until

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
PATIENCE = 0.3
FAST = {"lease_seconds": 1.0, "backoff_seconds": 0.05}


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(handover, "STAND_BACK_SECONDS", PATIENCE)
    monkeypatch.setattr(handover, "PROBE_EVERY_SECONDS", 0.05)


@pytest.fixture
def owners() -> Iterator[list[object]]:
    """The relays that have taken over a shard, one after the other."""
    taken: list[object] = []

    def note(*, relay: object, **_: object) -> None:
        taken.append(relay)

    signals.shard_acquired.connect(note)
    yield taken
    signals.shard_acquired.disconnect(note)


def unavailable() -> MemoryPublisher:
    broker = MemoryPublisher()
    broker.available = False
    return broker


def test_a_relay_that_alone_does_not_reach_kafka_lets_another_one_publish(
    transactional_db: None, owners: list[object]
) -> None:
    cut, good = unavailable(), MemoryPublisher()
    with running(cut, **FAST) as first:
        wait_until(lambda: bool(first.shards), 10, "the first relay owns the shard")
        with running(good, **FAST) as second:
            wait_until(lambda: second.state is State.STANDBY, 10, "the second one stands by")
            insert(0, "t")
            wait_until(lambda: len(good.records) == 1, 10, "the second one publishes")
            assert (first.state, "switched off" in first.detail) == (State.DEGRADED, True)
            insert(0, "t")
            wait_until(lambda: len(good.records) == 2, 10, "it goes on")
            cut.available = True
            wait_until(lambda: first.state is State.STANDBY, 10, "Kafka answers the first one again")
            assert owners == [first, second]


def all_is_well(first: Relay, second: Relay) -> bool:
    return {first.state, second.state} == {State.PUBLISHING, State.STANDBY}


def test_in_an_outage_for_all_the_last_one_goes_on_trying(
    transactional_db: None, owners: list[object]
) -> None:
    brokers = unavailable(), unavailable()
    with running(brokers[0], **FAST) as first, running(brokers[1], **FAST) as second:
        wait_until(lambda: all_is_well(first, second), 10, "both run")
        insert(0, "t")
        wait_until(lambda: len(owners) == 2, 10, "one has handed over")

        def stuck() -> bool:
            shards = list((first.shards | second.shards).values())
            return any((at := s.cut_off_since) and boottime() - at > 5 * PATIENCE for s in shards)

        wait_until(stuck, 20, "it has tried for long")
        assert len(owners) == 2
        for broker in brokers:
            broker.available = True
        wait_until(lambda: len(brokers[0].records + brokers[1].records) == 1, 10, "the event is published")
        wait_until(lambda: all_is_well(first, second), 10, "all is well again")
        assert len(owners) == 2


def fail(office: Desk) -> None:
    with pytest.raises(PublisherUnavailable):
        office.shard.step()
    office.shard._publishing.failed("as turn() notes it")


def test_who_has_reached_kafka_for_a_part_of_the_page_is_not_cut_off(desk: Desks, writer: Writers) -> None:
    """Another relay would send that part again."""
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    office.broker.available = False
    fail(office)
    assert office.shard.cut_off_since is not None
    assert office.shard._work is not None
    office.shard._work.acknowledged.add(0)
    assert office.shard.cut_off_since is None


def test_who_is_told_that_a_topic_is_missing_is_not_cut_off(desk: Desks, writer: Writers) -> None:
    """Else the grace of the topic would begin anew with every relay."""
    office, w = desk(topic_grace_seconds=3600), writer()
    w.insert("a")
    w.commit()
    office.broker.missing.add("t")
    fail(office)
    assert office.shard.cut_off_since is None


def test_who_has_reached_kafka_for_another_shard_is_not_cut_off(desk: Desks, writer: Writers) -> None:
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    office.broker.failures.append(Failure(Trouble.TRANSIENT, "no leader"))
    fail(office)
    it = handover.Handover(office.courier)
    wait_until(lambda: it.is_due([office.shard]), 10, "it would hand over")
    office.courier._served[1] = boottime()
    assert not it.is_due([office.shard])
