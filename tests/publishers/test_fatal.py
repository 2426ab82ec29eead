"""A fatal error of librdkafka in the middle of a wave, as the client itself raises it."""

from __future__ import annotations

from typing import cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

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
