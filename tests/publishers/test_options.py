"""Options are the client's own; those that would break a promise are refused by name."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from relay.publishers.confluent import ConfluentPublisher
from relay.publishers.kafka_python import KafkaPythonPublisher
from relay.publishers.kafka_python import options as kafka_python
from relay.publishers.kafka_python.new_topics import create_topics

PYTHON = {"bootstrap_servers": ["127.0.0.1:1"]}
LIBRDKAFKA = {"bootstrap.servers": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("acks", 1),
        ("acks", 0),
        ("enable_idempotence", False),
        ("retries", 0),
        ("linger_ms", 5),
        ("batch_size", 16_384),
        ("max_in_flight_requests_per_connection", 6),
        ("partitioner", object()),
        ("value_serializer", str),
        ("transactional_id", "mine"),
        ("compression_type", "rar"),
        ("compression_type", "snappy"),
    ],
)
def test_kafka_python_does_not_take_what_breaks_a_promise(option: str, value: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=option):
        KafkaPythonPublisher({**PYTHON, option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("acks", 1),
        ("request.required.acks", "0"),
        ("enable.idempotence", False),
        ("partitioner", "consistent_random"),
        ("linger.ms", 5),
        ("queue.buffering.max.ms", 5),
        ("message.timeout.ms", 1_000),
        ("message.send.max.retries", 1),
        ("max.in.flight", 6),
        ("transactional.id", "mine"),
        ("delivery.report.only.error", True),
        ("compression.type", "rar"),
    ],
)
def test_librdkafka_does_not_take_what_breaks_a_promise(option: str, value: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match='KAFKA\\["OPTIONS"\\]'):
        ConfluentPublisher({**LIBRDKAFKA, option: value})


def test_what_only_the_client_that_asks_about_topics_cannot_have_is_refused() -> None:
    """The producer takes it, because it is idempotent. The other client would fail again and again, as in an
    outage.
    """
    with pytest.raises(ImproperlyConfigured, match=r'KAFKA\["OPTIONS"\]: .*enable.gapless.guarantee'):
        ConfluentPublisher({**LIBRDKAFKA, "enable.gapless.guarantee": True})


def test_saying_what_is_so_anyway_is_allowed() -> None:
    KafkaPythonPublisher({**PYTHON, "acks": "all", "enable_idempotence": True, "transactional_id": None})
    ConfluentPublisher(
        {**LIBRDKAFKA, "acks": "all", "enable.idempotence": True, "partitioner": "murmur2_random"}
    )


@pytest.mark.parametrize(
    ("publisher", "options", "hint"),
    [
        (KafkaPythonPublisher, {"bootstrap_server": "x", **PYTHON}, "Did you mean 'bootstrap_servers'?"),
        (KafkaPythonPublisher, LIBRDKAFKA, "Did you mean 'bootstrap_servers'?"),
        (ConfluentPublisher, {"bootstrap.server": "x", **LIBRDKAFKA}, "Did you mean 'bootstrap.servers'?"),
        (ConfluentPublisher, {"sasl_mechanism": "PLAIN", **LIBRDKAFKA}, "Did you mean 'sasl.mechanism'?"),
        (KafkaPythonPublisher, {}, "'bootstrap_servers'"),
        (ConfluentPublisher, PYTHON, "'bootstrap.servers'"),
    ],
)
def test_an_unknown_or_missing_option_is_named_with_its_likely_meaning(
    publisher: Any, options: dict[str, Any], hint: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        publisher(options)
    assert hint in str(refusal.value)


@pytest.mark.parametrize(
    "options",
    [
        {"bootstrap_servers": "host:port"},
        {"bootstrap_servers": 12},
        {**PYTHON, "api_version": "x"},
    ],
)
def test_a_value_that_kafka_python_cannot_use_is_told_as_such(options: dict[str, Any]) -> None:
    publisher = KafkaPythonPublisher(options)
    with pytest.raises(ImproperlyConfigured, match=r'KAFKA\["OPTIONS"\]'):
        publisher.prepare(["t"])
    publisher.close(1)


def test_without_confluent_kafka_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.delitem(sys.modules, "relay.publishers.confluent")
    with pytest.raises(ImproperlyConfigured, match=r"django-outbox-relay\[confluent\]"):
        __import__("relay.publishers.confluent")


def test_without_assert_statements_no_client_of_kafka_python_is_made_beside_another_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for outbox_topics, whose options are those of confluent-kafka here: that is no remedy."""
    monkeypatch.setattr(kafka_python, "sys", SimpleNamespace(flags=SimpleNamespace(optimize=1)))
    with pytest.raises(ImproperlyConfigured, match="Run it without -O") as refusal:
        create_topics(LIBRDKAFKA, ["t"], partitions=1, copies=1, seconds=5)
    assert "BACKEND" not in str(refusal.value)
