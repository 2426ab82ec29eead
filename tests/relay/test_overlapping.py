"""The waves of shards overlap: each sender has one in flight, and no two of a shard are under way at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from outbox.models import Held, Shard
from outbox_core.wire.encode import BinaryEncoder, Record
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.publishers.base import Outcome
from relay.publishers.memory import MemoryPublisher
from relay.senders import MOST
from tests.relay.conftest import divide, insert, pause, payloads, resume, running_relay
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("transactional_db")
BACKLOG = 2_000


class Broker:
    """What the publishers of a relay share. A wave takes so many ``seconds``. One of a topic whose gate is
    closed waits for it.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.publishers: list[OneOfMany] = []
        self.gates: dict[str, threading.Event] = {}
        self.under_way: list[str] = []
        self.together: set[tuple[str, ...]] = set()
        self.seconds = 0.0

    def make(self) -> OneOfMany:
        self.publishers.append(OneOfMany(self))
        return self.publishers[-1]

    def close(self, topic: str) -> threading.Event:
        gate = self.gates[topic] = threading.Event()
        return gate

    @contextmanager
    def wave(self, topic: str) -> Iterator[None]:
        self.under_way.append(topic)
        self.together.add(tuple(sorted(self.under_way)))
        try:
            if topic in self.gates:
                assert self.gates[topic].wait(60)
            time.sleep(self.seconds)
            yield
        finally:
            self.under_way.remove(topic)

    def topics(self) -> list[str]:
        return [record.topic for record in self.records]


class OneOfMany(MemoryPublisher):
    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self.records = broker.records
        self._broker = broker

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        with self._broker.wave(records[0].topic):
            return super().publish(records)


@pytest.fixture
def broker() -> Broker:
    return Broker()


def relay_of(broker: Broker, **options: Any) -> Relay:
    config = RelaySettings(**{"lease_seconds": 5.0, "backoff_seconds": 0.05, **options})
    return Relay("default", config, broker.make(), BinaryEncoder("/test"), another=broker.make)


def own(relay: Relay, count: int) -> None:
    wait_until(lambda: len(relay.shards) == count, 60, f"it owns {count} shards")


def drained(broker: Broker) -> list[str]:
    """What another relay publishes behind this one."""
    before = len(broker.records)
    assert relay_of(broker).run(drain=True)
    return broker.topics()[before:]


def test_a_wave_in_flight_keeps_no_other_shard_waiting(broker: Broker) -> None:
    divide(2)
    gate = broker.close("slow")
    with running_relay(relay_of(broker)) as relay:
        own(relay, 2)
        insert(0, "slow")
        wait_until(lambda: broker.under_way == ["slow"], 60, "it is in flight")
        insert(200, "quick")
        wait_until(lambda: broker.topics() == ["quick"], 60, "the other one is published")
        insert(200, "quick")
        wait_until(lambda: broker.topics() == ["quick"] * 2, 60, "and again")
        assert broker.under_way == ["slow"]
        gate.set()
        wait_until(lambda: "slow" in broker.topics(), 60, "it is published")


def test_one_shard_needs_one_publisher_and_many_need_no_more_than_two(broker: Broker) -> None:
    for shards, publishers in ((1, 1), (64, MOST)):
        divide(shards)
        broker.publishers.clear()
        with running_relay(relay_of(broker)) as relay:
            own(relay, shards)
        assert len(broker.publishers) == publishers


def test_backlogs_overlap_and_each_event_is_published_once_in_order(broker: Broker) -> None:
    divide(4)
    broker.seconds = 0.01
    for shard in range(4):
        insert(64 * shard, f"topic-{shard}", BACKLOG)
    assert relay_of(broker, page_rows=50).run(drain=True)
    for shard in range(4):
        mine = [record for record in broker.records if record.topic == f"topic-{shard}"]
        assert payloads(mine) == [f"k:{number}" for number in range(1, BACKLOG + 1)]
    assert max(map(len, broker.together)) == MOST
    assert all(len(set(each)) == len(each) for each in broker.together), "two waves of a shard at once"


def test_a_relay_that_stops_takes_what_is_in_flight_into_its_positions(broker: Broker) -> None:
    divide(2)
    gates = [broker.close("a"), broker.close("b")]
    insert(0, "a")
    insert(200, "b")
    with running_relay(relay_of(broker)) as relay:
        wait_until(lambda: sorted(broker.under_way) == ["a", "b"], 60, "both are in flight")
        relay.stop()
        for gate in gates:
            gate.set()
    assert sorted(broker.topics()) == ["a", "b"]
    assert drained(broker) == []


def test_a_shard_that_is_lost_costs_the_others_no_wave(broker: Broker) -> None:
    divide(2)
    gate = broker.close("b")
    with running_relay(relay_of(broker, lease_seconds=2.0)) as relay:
        own(relay, 2)
        insert(200, "b")
        wait_until(lambda: broker.under_way == ["b"], 60, "it is in flight")
        before = set(relay.shards.values())
        Shard.objects.filter(first_bucket=0).update(epoch=1000)
        wait_until(lambda: not _renews(relay), 60, "the loss is seen")
        gate.set()
        wait_until(lambda: relay.shards and before.isdisjoint(relay.shards.values()), 60, "it begins again")
        wait_until(lambda: len(broker.records) > 0, 60, "it is published")
    assert broker.topics() == ["b"]
    assert drained(broker) == []


def _renews(relay: Relay) -> bool:
    """Whether no lease of the relay is lost."""
    return all(shard.lease.deadline for shard in list(relay.shards.values()))


def test_a_relay_without_a_database_sends_nothing_again_before_its_waves_are_over(broker: Broker) -> None:
    divide(2)
    gate = broker.close("a")
    with running_relay(relay_of(broker)) as relay:
        own(relay, 2)
        insert(0, "a", 3)
        wait_until(lambda: broker.under_way == ["a"], 60, "it is in flight")
        assert relay.connected is not None
        pid = relay.connected.session.pid
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        insert(200, "b")
        threading.Timer(1.0, gate.set).start()
        wait_until(lambda: "b" in broker.topics(), 60, "it publishes again")
    assert all(len(set(each)) == len(each) for each in broker.together), "two waves of a shard at once"
    drained(broker)
    mine = payloads([record for record in broker.records if record.topic == "a"])
    assert mine in ([*_numbers(3)], [*_numbers(3), *_numbers(3)]), "an exact replay at most"


def _numbers(last: int) -> Iterator[str]:
    return (f"k:{number}" for number in range(1, last + 1))


def test_a_backlog_of_two_shards_keeps_no_release_waiting(broker: Broker) -> None:
    divide(2)
    pause("held")
    insert(0, "held")
    assert relay_of(broker).run(drain=True)
    assert Held.objects.count() == 1
    insert(0, "a", 20_000)
    insert(200, "b", 20_000)
    resume("held")
    with running_relay(relay_of(broker, page_rows=20)):
        wait_until(lambda: "held" in broker.topics(), 60, "it is released")
        assert len(broker.records) < 40_001, "a backlog is left"


def test_shards_that_share_a_sender_have_their_turns(broker: Broker) -> None:
    """Also if a round through all of them takes longer than a turn of the loop."""
    divide(16)
    broker.seconds = 0.05
    for _ in range(20):
        for shard in range(16):
            insert(16 * shard, f"topic-{shard}", 5)
    with running_relay(relay_of(broker, page_rows=5)):
        wait_until(lambda: len(broker.records) >= 16 * 5 * 4, 60, "there are four pages for each")
    counts = Counter(broker.topics())
    assert len(counts) == 16
    assert min(counts.values()) * 3 > max(counts.values())
