"""A fatal error of librdkafka in the middle of a wave, as the client itself raises it."""

from __future__ import annotations

import pytest

from relay.publishers.base import Trouble
from relay.publishers.confluent import options
from tests.publishers.broker import Broker
from tests.publishers.clients import confluent, deliver, records
from tests.publishers.contract import by_key
from tests.waiting import wait_until

pytestmark = pytest.mark.real_kafka


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
    assert None not in publisher.publish(wanted)
    broker.configure(topic, **{"max.message.bytes": "100000"})
    assert {failure.trouble for failure in deliver(publisher, wanted)} <= {Trouble.RETRIABLE}
    assert by_key(broker.read(topic))[b"k"][-3:] == [b"1", b"2", b"3"]
    publisher.close(5)
