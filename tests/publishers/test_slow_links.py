"""A link that is slow, far away or limited by a quota makes progress without sending events again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from relay.publishers.base import Publisher, Trouble
from tests.publishers.broker import Broker
from tests.publishers.clients import deliver, records
from tests.publishers.conftest import Patience

pytestmark = pytest.mark.real_kafka
Connect = Callable[..., Publisher]
SECONDS = 4.0
"""``delivery_seconds`` of these tests: at 10 kB/s a wave of 80 events does not fit."""


@pytest.fixture(autouse=True)
def healed(broker: Broker) -> Iterator[None]:
    yield
    broker.proxy.heal()


def copies(broker: Broker, topic: str) -> Counter[bytes]:
    """How often each number of a topic with one key is there."""
    return Counter((record.value or b"").partition(b":")[0] for record in broker.read(topic))


def test_a_slow_link_carries_everything_once(broker: Broker, connect: Connect) -> None:
    topic, publisher = broker.topic(), connect(broker.slow, delivery_seconds=SECONDS)
    deliver(publisher, records(topic, ["k"], 1))
    broker.proxy.rate = 12_000
    deliver(publisher, records(topic, ["k"], 100, first=1, padding=1_000), seconds=60)
    assert set(copies(broker, topic).values()) == {1}
    assert len(copies(broker, topic)) == 101


def test_a_link_that_becomes_slow_costs_one_copy_at_most(broker: Broker, connect: Connect) -> None:
    topic, publisher = broker.topic(3), connect(broker.slow, delivery_seconds=SECONDS)
    assert deliver(publisher, records(topic, ["k"], 1_000, padding=1_000)) == []
    broker.proxy.rate = 10_000
    failures = deliver(publisher, records(topic, ["k"], 80, first=1_000, padding=1_000), seconds=90)
    assert failures, "the first wave fits after all"
    broker.proxy.heal()
    assert deliver(publisher, records(topic, ["k"], 1_000, first=1_080, padding=1_000)) == []
    found = copies(broker, topic)
    assert len(found) == 2_080
    assert max(found.values()) <= 2


def test_a_link_of_a_long_way_is_used(broker: Broker, connect: Connect, patience: Patience) -> None:
    """Every answer takes longer than ``prepare`` waits."""
    patience(1.0)
    topic, publisher = broker.topic(), connect(broker.slow, delivery_seconds=5.0)
    broker.proxy.delay = 0.55
    deliver(publisher, records(topic, ["k"], 40, padding=400), seconds=90)
    assert set(copies(broker, topic).values()) == {1}


def test_answers_that_are_slow_keep_no_topic_waiting(broker: Broker, connect: Connect) -> None:
    """All options of these topics take longer than a question is waited for."""
    topics = [broker.topic() for _ in range(6)]
    publisher = connect(broker.slow)
    broker.proxy.answer_rate = 300
    wanted = [record for topic in topics for record in records(topic, ["k"], 1)]
    failures = deliver(publisher, wanted, seconds=120)
    assert {failure.trouble for failure in failures} <= {Trouble.RETRIABLE}
    assert all(set(copies(broker, topic)) == {b"0"} for topic in topics)


def test_a_quota_is_waited_for(broker: Broker, connect: Connect) -> None:
    topic, name = broker.topic(), f"quota-{uuid4().hex}"
    broker.limit(name, 20_000)
    publisher = connect(broker.address, client_id=name, delivery_seconds=SECONDS)
    failures = deliver(publisher, records(topic, ["k"], 400, padding=1_000), seconds=90)
    assert set(copies(broker, topic).values()) == {1}
    assert len(copies(broker, topic)) == 400
    assert all("quota" in failure.detail for failure in failures)
