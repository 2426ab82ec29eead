"""What is wrong with KAFKA, for the relay, is named with the remedy before anything is published."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test.utils import override_settings

from relay.conf import settings
from relay.publishers.confluent import ConfluentPublisher
from relay.publishers.kafka_python import KafkaPythonPublisher
from tests.checking import run_checks

SERVERS = {"bootstrap_servers": ["127.0.0.1:1"]}
KAFKA = {"OPTIONS": SERVERS}


def found(**changed: Any) -> dict[str, str]:
    """The relay's messages of ``manage.py check``, by id."""
    with override_settings(**{"KAFKA": KAFKA, "RELAY": {}, **changed}):
        messages = [m for m in run_checks() if str(m.id).startswith(("relay.", "kafka."))]
    return {str(message.id): f"{message.msg} {message.hint or ''}" for message in messages}


def test_the_least_that_must_be_said_is_enough() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "'bootstrap_servers'"),
        ({"bootstrap_server": "127.0.0.1:1"}, "Did you mean 'bootstrap_servers'"),
        ({"bootstrap.server": "127.0.0.1:1"}, "Did you mean 'bootstrap"),
        ({**SERVERS, "sasl_mechansm": "PLAIN"}, "'sasl_mechansm'"),
        ({**SERVERS, "bootstrap.servers": "127.0.0.1:2"}, "which are the same"),
        ({**SERVERS, "acks": 1}, "'acks'"),
        *(
            ({"bootstrap_servers": address}, "the address of Kafka")
            for address in ([""], "", [], [" "], ["a:1", ""], "a:1,,b:2", "a:none", ":9092", "a:0", "a:99999")
        ),
        *(
            ({"bootstrap_servers": address}, "the address of Kafka")
            for address in (12, None, [None], ["a b:1"])
        ),
    ],
    ids=repr,
)
@pytest.mark.parametrize("backend", ["kafka-python", "confluent"])
def test_what_cannot_be_is_named_with_the_remedy(backend: str, options: dict[str, Any], words: str) -> None:
    messages = found(KAFKA={"BACKEND": backend, "OPTIONS": options})
    assert list(messages) == ["relay.E006"]
    assert words in messages["relay.E006"]


@pytest.mark.parametrize(
    "name",
    ["LEASE_SECONDS", "STATEMENT_SECONDS", "DELIVERY_SECONDS", "BACKOFF_SECONDS", "TOPIC_GRACE_SECONDS"],
)
def test_a_time_that_postgresql_or_a_client_cannot_take_is_named(name: str) -> None:
    """It would be an outage without end."""
    messages = found(RELAY={name: 1e9})
    assert list(messages) == ["relay.E002"]
    assert name in messages["relay.E002"]


@pytest.mark.parametrize(
    ("backend", "id_"), [("confluence", "kafka.E004"), ("nowhere.Publisher", "relay.E006")]
)
def test_a_backend_that_does_not_exist_is_named(backend: str, id_: str) -> None:
    messages = found(KAFKA={"BACKEND": backend, "OPTIONS": SERVERS})
    assert list(messages) == [id_]
    assert "confluent" in messages[id_]


def test_an_option_of_the_other_client_that_means_nothing_here_is_named() -> None:
    assert "'debug'" in found(KAFKA={"OPTIONS": {**SERVERS, "debug": "all"}})["relay.E006"]
    confluent = {"BACKEND": "confluent", "OPTIONS": {**SERVERS, "ssl_context": object()}}
    assert "'ssl_context'" in found(KAFKA=confluent)["relay.E006"]


def test_a_mistake_in_the_override_is_found_as_well() -> None:
    assert list(found(RELAY={"KAFKA": {"OPTIONS": {"max_poll_records": 1}}})) == ["relay.E006"]


@pytest.mark.parametrize(
    ("backend", "publisher"), [("kafka-python", KafkaPythonPublisher), ("confluent", ConfluentPublisher)]
)
@pytest.mark.parametrize("name", ["bootstrap_servers", "bootstrap.servers", "metadata.broker.list"])
def test_a_backend_gets_the_options_whatever_their_spelling(backend: str, publisher: type, name: str) -> None:
    options = {name: "127.0.0.1:1", "sasl_plain_username": "u", "sasl.password": "p", "fetch_min_bytes": 9}
    with override_settings(KAFKA={"BACKEND": backend, "OPTIONS": options}, RELAY={}):
        assert type(settings().make_publisher()) is publisher


def test_the_relay_may_have_a_backend_and_options_of_its_own() -> None:
    own = {"BACKEND": "confluent", "OPTIONS": {"compression.type": "lz4", "bootstrap.servers": "127.0.0.1:2"}}
    with override_settings(KAFKA=KAFKA, RELAY={"KAFKA": own}):
        assert isinstance(settings().make_publisher(), ConfluentPublisher)


class Mine:
    """A publisher of somebody's own."""

    def __init__(self, options: Any, *, batch_bytes: int = 5, delivery_seconds: float = 6.0) -> None:
        self.got = options, batch_bytes, delivery_seconds


class Plain:
    def __init__(self, options: Any) -> None:
        self.got = options


def test_a_publisher_of_ones_own_gets_the_options_as_they_are_written() -> None:
    kafka = {"BACKEND": f"{__name__}.Mine", "OPTIONS": {"bootstrap.servers": "a", "pace": 2}}
    with override_settings(KAFKA=kafka, RELAY={"DELIVERY_SECONDS": 3.0}):
        assert vars(settings().make_publisher()) == {"got": (kafka["OPTIONS"], 5, 3.0)}


def test_a_publisher_is_not_given_what_it_does_not_take() -> None:
    kafka = {"BACKEND": f"{__name__}.Plain", "OPTIONS": {"pace": 2}}
    with override_settings(KAFKA=kafka, RELAY={}):
        assert vars(settings().make_publisher()) == {"got": {"pace": 2}}
    with override_settings(KAFKA=kafka, RELAY={"BATCH_BYTES": 3}):
        with pytest.raises(ImproperlyConfigured, match="BATCH_BYTES"):
            settings().make_publisher()


def test_a_continuous_audit_needs_the_sequence_of_events() -> None:
    assert found(RELAY={"AUDIT_SECONDS": 15}) == {}
    assert "AUDIT_SECONDS" in str(found(RELAY={"AUDIT_SECONDS": 15, "EXTENSIONS": []}))
