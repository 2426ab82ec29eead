"""A broker that hangs or dies: told in time, and never a hole in what is published."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import pytest

from outbox_core.wire.encode import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import PREPARE_SECONDS, Failure, Outcome, Publisher, Trouble
from tests.publishers.broker import PASSWORD, Broker
from tests.publishers.clients import CLIENTS, deliver, records
from tests.publishers.conftest import Patience
from tests.publishers.contract import by_key
from tests.waiting import wait_until

pytestmark = pytest.mark.real_kafka
Connect = Callable[..., Publisher]

KEYS = [f"key-{n}" for n in range(20)]
IN_TIME = 4.0
"""Seconds that an answer may take which does not wait for the broker, on a machine that is busy."""


def assert_whole(broker: Broker, topic: str, wanted: Sequence[Record]) -> None:
    """Each key's records are there in order; what is there twice is a part of that sequence, sent again."""
    received = by_key(broker.read(topic))
    for key in {record.key for record in wanted}:
        numbers = [int(value) for value in received[key]]
        steps = list(pairwise(numbers))
        assert all(after == before + 1 or after <= before for before, after in steps), numbers
        assert sorted(set(numbers)) == list(range(len(wanted) // len(KEYS))), numbers


def test_a_hanging_broker_is_told_by_prepare_in_time(
    broker: Broker, connect: Connect, patience: Patience
) -> None:
    """By a publisher that has never seen it, and by one that is connected."""
    topic, other = broker.topic(), broker.topic()
    connected, fresh = connect(broker.address), connect(broker.address)
    connected.prepare([topic])
    patience(0.5)
    with broker.frozen():
        for publisher in (fresh, connected):
            since = time.monotonic()
            with pytest.raises(PublisherUnavailable):
                publisher.prepare([topic, other])
            assert time.monotonic() - since < IN_TIME
    patience(PREPARE_SECONDS)
    for publisher in (fresh, connected):
        deliver(publisher, records(other, KEYS, 1))


def test_a_wave_that_a_hanging_broker_does_not_take_fails_for_now(broker: Broker, connect: Connect) -> None:
    topic, publisher = broker.topic(6), connect(broker.address, delivery_seconds=1.5)
    assert deliver(publisher, records(topic, KEYS, 10)) == []
    wanted = records(topic, KEYS, 10, first=10)
    with broker.frozen():
        since = time.monotonic()
        outcomes = publisher.publish(wanted)
        assert time.monotonic() - since < 1.5 + IN_TIME
    assert len(outcomes) == len(wanted)
    assert {outcome.trouble for outcome in outcomes if outcome} == {Trouble.RETRIABLE}
    assert None not in outcomes
    deliver(publisher, [*wanted, *records(topic, KEYS, 10, first=20)])
    assert_whole(broker, topic, records(topic, KEYS, 30))


def test_a_short_hang_is_outlasted_without_sending_anything_twice(broker: Broker, connect: Connect) -> None:
    topic, publisher = broker.topic(6), connect(broker.address)
    assert deliver(publisher, records(topic, KEYS, 5)) == []
    with ThreadPoolExecutor(1) as thread:
        with broker.frozen():
            wave = thread.submit(publisher.publish, records(topic, KEYS, 5, first=5))
            time.sleep(1)
            assert not wave.done()
        assert wave.result(60) == [None] * 100
    assert by_key(broker.read(topic)) == {key.encode(): [b"%d" % n for n in range(10)] for key in KEYS}


REFUSED = re.compile(r"Kafka does not answer: .*Authentication failed.*user name and the password")


def test_a_password_that_is_refused_meanwhile_is_named_while_a_wave_is_under_way(broker: Broker) -> None:
    """Not only when the wave has failed and the broker was asked again. Its failure names it, too."""
    topic = broker.topic()
    broker.allow(topic, "WRITE", "DESCRIBE")
    publishers = [
        client(broker.secured, password=PASSWORD, delivery_seconds=seconds)
        for seconds in (8.0, 60.0)
        for client in CLIENTS.values()
    ]
    for publisher in publishers:
        assert deliver(publisher, records(topic, ["k"], 1)) == []
    with ThreadPoolExecutor(len(publishers)) as threads:
        with broker.another_password():
            waves = [threads.submit(publisher.publish, records(topic, ["k"], 1)) for publisher in publishers]
            for publisher, wave in zip(publishers[2:], waves[2:], strict=True):
                wait_until(partial(is_refused, publisher), 50, f"{type(publisher).__name__} says why")
                assert not wave.done()
            failures = [wave.result(60) for wave in waves[:2]]
        assert [len(wave.result(90)) for wave in waves] == [1, 1, 1, 1]
    for [failure] in failures:
        assert failure is not None
        assert failure.trouble is Trouble.RETRIABLE
        assert REFUSED.search(failure.detail)
    for publisher in publishers:
        publisher.close(5)


def is_refused(publisher: Publisher) -> bool:
    """Whether it says that the password is the reason."""
    return REFUSED.search(getattr(publisher, "trouble", "")) is not None


class Gated:
    """A publisher that stops before its third wave and before its fourth, each time until it is let on."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.gates = {3: threading.Event(), 4: threading.Event()}
        self.begun = 0
        self.ended = 0
        self.failed = 0
        self.close = publisher.close

    @property
    def waits(self) -> bool:
        """Whether the broker keeps it waiting, or has not answered it."""
        return self.begun > self.ended or self.failed > 0

    def prepare(self, topics: Collection[str]) -> None:
        try:
            self._publisher.prepare(topics)
        except PublisherUnavailable:
            self.failed += 1
            raise

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        self.begun += 1
        if gate := self.gates.get(self.begun):
            assert gate.wait(60), "it was never let on"
        outcomes = self._publisher.publish(records)
        self.ended += 1
        self.failed += any(outcomes)
        return outcomes


def test_a_killed_broker_leaves_no_hole(broker: Broker) -> None:
    """It freezes and dies while both clients publish, each with a wave in hand, and comes back."""
    publishers = [
        Gated(client(broker.address, batch_bytes=20_000, delivery_seconds=3.0)) for client in CLIENTS.values()
    ]
    topics = [broker.topic(6) for _ in publishers]
    wanted = [records(topic, KEYS, 500) for topic in topics]
    with ThreadPoolExecutor(len(publishers)) as threads:
        running = [
            threads.submit(deliver, *each, seconds=150) for each in zip(publishers, wanted, strict=True)
        ]
        wait_until(lambda: all(each.begun == 3 for each in publishers), 60, "both are about to go on")
        for each in publishers:
            each.gates[3].set()
        with broker.frozen():
            for each in publishers:
                each.gates[4].set()
            wait_until(lambda: all(each.waits for each in publishers), 60, "both wait")
            broker.kill()
        wait_until(lambda: all(each.failed for each in publishers), 60, "both have noticed")
        broker.start()
        failures: list[list[Failure]] = [each.result(200) for each in running]
    for publisher in publishers:
        publisher.close(5)
    assert all(failures)
    assert {failure.trouble for each in failures for failure in each} == {Trouble.RETRIABLE}
    for topic, sent in zip(topics, wanted, strict=True):
        assert_whole(broker, topic, sent)
