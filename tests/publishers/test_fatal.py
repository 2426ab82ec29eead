"""A fatal error of librdkafka in the middle of a wave, as the client itself raises it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from outbox_core.wire.encode import Record
from relay.publishers.base import Trouble
from relay.publishers.confluent import options
from relay.publishers.confluent.delivery import Delivery
from tests.publishers.broker import Broker
from tests.publishers.clients import confluent, deliver, records
from tests.publishers.contract import by_key, troubles
from tests.waiting import wait_until


class Ending:
    """A producer that ends while it is flushed, and makes no report. The client does so now and then, which a
    real one cannot be made to do.
    """

    def produce(self, *arguments: object, **options: object) -> None:
        pass

    def __init__(self, error: Exception) -> None:
        self._error = error

    def flush(self, seconds: float) -> int:
        raise self._error

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize(
    "error",
    [
        KafkaException(KafkaError(KafkaError._FATAL, "it has ended", fatal=True)),
        SystemError(
            "<method 'flush' of 'cimpl.Producer' objects> returned NULL without setting an exception"
        ),
    ],
    ids=["fatal", "lost"],
)
def test_without_a_report_a_producer_that_has_ended_has_acknowledged_nothing(error: Exception) -> None:
    delivery = Delivery(cast(Producer, Ending(error)), records("t", ["k"], 2))
    assert not delivery.wait(1.0, lambda topics: {})
    assert troubles(delivery.outcomes()) == [Trouble.RETRIABLE] * 2


def test_an_error_that_is_not_the_clients_acknowledges_nothing() -> None:
    delivery = Delivery(cast(Producer, Ending(MemoryError())), records("t", ["k"], 2))
    with pytest.raises(MemoryError):
        delivery.wait(1.0, lambda topics: {})
    assert delivery.reports == [True, True]


class Slow:
    """A new producer that could connect only when its time was over: the machine was suspended."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.flushed: list[float] = []
        self.left = 1

    def produce(self, *arguments: object, **options: object) -> None:
        pass

    def flush(self, seconds: float) -> int:
        self.flushed.append(seconds)
        self.clock += 60.0
        return self.left

    def purge(self, *, in_flight: bool = True) -> None:
        self.left = int(not in_flight)

    def poll(self, seconds: float) -> None:
        pass

    def __len__(self) -> int:
        return self.left


def test_a_wave_whose_time_is_over_does_not_wait_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client takes a negative time for one without end."""
    producer = Slow()
    monkeypatch.setattr("relay.publishers.confluent.delivery.time.monotonic", lambda: producer.clock)
    delivery = Delivery(cast(Producer, producer), records("t", ["k"], 1))
    assert not delivery.wait(20.0, lambda topics: {}, is_new=True)
    assert min(producer.flushed) >= 0
    assert len(producer.flushed) == 2


@pytest.mark.real_kafka
def test_an_error_that_is_not_the_clients_leaves_no_record_with_it(broker: Broker) -> None:
    """Such as one of a record that the client cannot read. The records before it must not be sent later."""
    topic, publisher = broker.topic(), confluent(broker.address)
    assert deliver(publisher, records(topic, ["k"], 1)) == []
    bad: Any = Record(topic, b"k", object(), [])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        publisher.publish([*records(topic, ["k"], 1, first=1), bad])
    assert deliver(publisher, records(topic, ["k"], 1, first=2)) == []
    assert by_key(broker.read(topic))[b"k"] == [b"0", b"2"]
    publisher.close(5)


@pytest.mark.real_kafka
def test_a_producer_that_ended_unnoticed_is_replaced(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client raises it once. Whoever misses it learns it from produce(), whose error is not marked."""
    monkeypatch.setitem(options._DECIDED, "enable.gapless.guarantee", True)
    topic = broker.topic(1, **{"max.message.bytes": "100000"})
    publisher = confluent(broker.address)
    wait_until(lambda: not deliver(publisher, records(topic, ["k"], 1)), 60, "the broker answers in time")
    ended = publisher._producer
    assert ended is not None
    ended.produce(topic, b"x" * 200_000, b"k")
    with suppress(KafkaException, SystemError):
        ended.flush(20)
    with suppress(KafkaException, SystemError):
        ended.flush(20)
    assert {failure.trouble for failure in deliver(publisher, records(topic, ["k"], 1, first=1))} == {
        Trouble.RETRIABLE
    }
    assert publisher._producer is not ended
    publisher.close(5)


@pytest.mark.real_kafka
def test_reports_behind_a_fatal_error_do_not_hide_it(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """flush() goes on when its error callback has raised: the next callback ends in a SystemError.

    With this option a refused batch is a fatal error, and the reports of its records come behind it.
    """
    monkeypatch.setitem(options._DECIDED, "enable.gapless.guarantee", True)
    topic = broker.topic(1, **{"max.message.bytes": "100000"})
    publisher = confluent(broker.address)
    wait_until(lambda: not deliver(publisher, records(topic, ["k"], 1)), 60, "the broker answers in time")
    broker.configure(topic, **{"max.message.bytes": "1000"})
    wanted = records(topic, ["k"], 3, first=1, padding=500)
    refused = "the limit of the topic, which reaches its log after the answer, refuses them all"
    wait_until(lambda: None not in publisher.publish(wanted), 60, refused)
    broker.configure(topic, **{"max.message.bytes": "100000"})
    assert {failure.trouble for failure in deliver(publisher, wanted)} <= {Trouble.RETRIABLE}
    assert by_key(broker.read(topic))[b"k"][-3:] == [b"1", b"2", b"3"]
    publisher.close(5)
