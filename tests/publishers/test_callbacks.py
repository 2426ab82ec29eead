"""A callback or a log filter of the project raises while librdkafka makes its reports."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from inbox.kafka.confluent.options import wrong as wrong_for_the_inbox
from outbox_core.librdkafka import LOGGER, OUR_LOGGER, ClientReports
from outbox_core.process.logs import set_up
from relay.publishers.confluent import ConfluentPublisher
from relay.publishers.confluent.options import client_options
from tests.publishers.broker import Broker
from tests.publishers.clients import deliver, records
from tests.publishers.contract import by_key

LOGIN = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}


def made(options: dict[str, Any]) -> dict[str, Any]:
    return client_options({"bootstrap.servers": "127.0.0.1:1", **options}, 20.0)


def wrong(*arguments: Any) -> Any:
    raise RuntimeError("of the project")


@pytest.mark.real_kafka
def test_a_callback_that_raises_stops_no_wave(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """The client would raise it from flush(), which then says nothing about the records."""
    options = {"bootstrap.servers": broker.address, "statistics.interval.ms": 1, "stats_cb": wrong}
    publisher, topic = ConfluentPublisher(options), broker.topic()
    for first in range(5):
        assert deliver(publisher, records(topic, ["k"], 1, first=first)) == []
    assert by_key(broker.read(topic))[b"k"] == [b"0", b"1", b"2", b"3", b"4"]
    assert "stats_cb" in caplog.text
    publisher.close(5)


@pytest.mark.parametrize("name", ["stats_cb", "throttle_cb"])
def test_a_callback_that_raises_is_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    set_up("relay", 1)  # it shows nothing of the client
    made({name: wrong})[name]("argument")
    (record,) = (each for each in caplog.records if each.name == OUR_LOGGER.name)
    assert name in record.getMessage()
    assert record.exc_info is not None


def test_the_error_of_a_login_is_logged_and_still_fails_it(caplog: pytest.LogCaptureFixture) -> None:
    """The client would forget it, and say only that the callback raised an exception."""
    with pytest.raises(RuntimeError, match="of the project"):
        made({**LOGIN, "oauth_cb": wrong})["oauth_cb"]("config")
    assert "oauth_cb" in caplog.text


def test_a_callback_returns_what_it_returned() -> None:
    options = made({**LOGIN, "oauth_cb": lambda config: (config, 1.0)})
    assert options["oauth_cb"]("token") == ("token", 1.0)


@pytest.mark.parametrize("check", [made, wrong_for_the_inbox])
def test_options_are_not_wrong_while_nobody_can_log_in(check: Callable[[dict[str, Any]], object]) -> None:
    """The client waits 10 s for a token when it is made, and fails without one."""
    began = time.monotonic()
    check({**LOGIN, "oauth_cb": wrong})
    assert time.monotonic() - began < 5


def test_what_is_no_callback_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="stats_cb"):
        made({"stats_cb": "no function"})


def test_a_log_filter_that_raises_stops_no_report(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The client logs from poll() and flush(), and would raise it from there."""
    caplog.set_level(logging.ERROR, LOGGER.name)
    LOGGER.addFilter(wrong)
    try:
        ClientReports().log(logging.ERROR, "%s [%s] %s", "FAIL", "client", "no connection")
    finally:
        LOGGER.removeFilter(wrong)
    assert "of the project" in capsys.readouterr().err
