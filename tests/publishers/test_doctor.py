"""outbox_doctor on the way to a real broker, through each client that publishes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from outbox_core.operations.doctor.cluster import Trouble
from outbox_core.operations.doctor.kafka import SETTINGS, KafkaSteps
from outbox_core.operations.doctor.step import Outcome, Result, Step
from outbox_core.operations.doctor.topics import Needs
from outbox_core.operations.doctor.walk import walk
from relay.conf import settings as relay_settings
from relay.doctor.needs import WRITING, record_bytes
from relay.doctor.round_trip import round_trip
from relay.doctor.steps import RelaySteps
from tests.core.doctor.certificates import Authority, showing
from tests.core.doctor.clusters import problem
from tests.publishers.broker import OUTSIDER, PASSWORD, USER, Broker

pytestmark = pytest.mark.real_kafka
Examine = Callable[..., dict[str, Result]]
WRITER = Needs(operations=WRITING, writes=True)


@pytest.fixture(params=["kafka-python", "confluent"])
def way(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RelaySteps]:
    """The way of a relay with these options, which creates no topics and asks for a short time."""
    monkeypatch.setattr("relay.doctor.steps.ASK_SECONDS", 4.0)

    def make(address: str, **options: Any) -> RelaySteps:
        given = {"bootstrap_servers": [address], "allow_auto_create_topics": False, **options}
        settings.RELAY = {}
        settings.KAFKA = {"BACKEND": request.param, "OPTIONS": given}
        return RelaySteps("default", None, even_events=False)

    return make


@pytest.fixture
def examine(way: Callable[..., RelaySteps]) -> Examine:
    """Walk to Kafka, and to a topic if one is named."""

    def walked(address: str, topic: str = "", needs: Needs = WRITER, **options: Any) -> dict[str, Result]:
        made = way(address, **options)
        kafka = KafkaSteps(
            lambda: relay_settings().kafka_options, made._inspector, {topic: needs} if topic else {}
        )
        try:
            steps = [Step(name=SETTINGS, look=made._settings), *kafka.all()]
            return {result.name.partition(" ")[0]: result for result in walk(steps)}
        finally:
            kafka.close()

    return walked


def sasl(user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


def closed_at(found: dict[str, Result]) -> str:
    """The step that failed, behind which nothing was tried."""
    failed = [name for name, result in found.items() if result.outcome is Outcome.FAILED]
    untried = [name for name, result in found.items() if result.outcome is Outcome.NOT_TRIED]
    assert len(failed) == 1, found
    assert untried == list(found)[list(found).index(failed[0]) + 1 :]
    return failed[0]


def test_a_way_that_is_open(broker: Broker, examine: Examine) -> None:
    found = examine(broker.address, broker.topic(partitions=3))
    assert {name: each.outcome for name, each in found.items() if each.outcome is not Outcome.OK} == {
        "dns": Outcome.NOT_USED,
        "tls": Outcome.NOT_USED,
    }
    assert "3 partitions, 1 replica" in found["topic"].facts[0]


@pytest.mark.parametrize(
    ("address", "step"), [("nowhere.invalid:9092", "dns"), ("127.0.0.1:1", "tcp")], ids=["host", "port"]
)
def test_a_wrong_address(examine: Examine, address: str, step: str) -> None:
    assert closed_at(examine(address)) == step


def test_tls_against_a_plaintext_listener(broker: Broker, examine: Examine) -> None:
    found = examine(broker.address, security_protocol="SSL")
    assert closed_at(found) == "tls"
    assert "PLAINTEXT" in problem(found["tls"]).remedy


def test_plaintext_against_a_tls_listener(examine: Examine, tmp_path: Any) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    certificate = Authority(tmp_path).issue("DNS:localhost")
    with showing(certificate) as port:
        found = examine(f"127.0.0.1:{port}")
    assert closed_at(found) == "login"
    assert "set security_protocol to SSL or SASL_SSL" in problem(found["login"]).remedy


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (sasl(password="never-shown"), "password"),
        ({**sasl(), "sasl_mechanism": "SCRAM-SHA-512"}, "mechanism"),
        ({}, "protocol"),
    ],
    ids=["password", "mechanism", "no login"],
)
def test_a_login_that_is_refused(
    broker: Broker, examine: Examine, options: dict[str, str], remedy: str
) -> None:
    found = examine(broker.secured, **options)
    assert closed_at(found) == "login"
    assert remedy in problem(found["login"]).remedy
    assert "never-shown" not in repr(found)


def test_acls_that_are_missing_are_named_as_the_command_that_adds_them(
    broker: Broker, examine: Examine
) -> None:
    topic = broker.topic()
    login = sasl(OUTSIDER)
    found = examine(broker.secured, topic, **login)
    assert (found["acls"].outcome, found["topic"].outcome) == (Outcome.FAILED, Outcome.NOT_TRIED)
    assert problem(found["acls"]).remedy.endswith(
        f"--allow-principal User:{OUTSIDER} --operation Write --operation Describe --topic {topic}"
    )
    broker.allow(topic, "DESCRIBE", user=OUTSIDER)
    found = examine(broker.secured, topic, **login)
    assert "--operation Write --topic" in problem(found["acls"]).remedy
    broker.allow(topic, "WRITE", user=OUTSIDER)
    found = examine(broker.secured, topic, **login)
    assert (found["acls"].outcome, found["topic"].outcome) == (Outcome.OK, Outcome.WARNING)
    broker.allow(topic, "DESCRIBE_CONFIGS", user=OUTSIDER)
    assert examine(broker.secured, topic, **login)["topic"].outcome is Outcome.OK


def test_a_missing_topic_is_named_and_not_created(broker: Broker, examine: Examine) -> None:
    assert closed_at(examine(broker.address, "test.doctor.missing")) == "topic"
    assert not broker.exists("test.doctor.missing")


def test_a_topic_that_takes_too_little(broker: Broker, examine: Examine) -> None:
    topic = broker.topic()
    broker.configure(topic, **{"max.message.bytes": "1000"})
    needs = Needs(operations=WRITING, writes=True, record_bytes=record_bytes(1000))
    found = examine(broker.address, topic, needs)["topic"]
    assert found.outcome is Outcome.WARNING
    assert f"max.message.bytes={record_bytes(1000)}" in problem(found).remedy


def test_more_replicas_in_sync_than_there_are(broker: Broker, examine: Examine) -> None:
    topic = broker.topic()
    broker.configure(topic, **{"min.insync.replicas": "2"})
    found = examine(broker.address, topic)["topic"]
    assert found.outcome is Outcome.FAILED
    assert "min.insync.replicas=1" in problem(found).remedy


def test_a_frozen_broker_fails_the_login_in_time(broker: Broker, examine: Examine) -> None:
    since = time.monotonic()
    with broker.frozen():
        assert closed_at(examine(broker.address)) == "login"
    assert time.monotonic() - since < 40


def travelled(way: RelaySteps, topic: str) -> Result:
    inspector = way._inspector()
    try:
        said = list(round_trip(topic, relay_settings().make_publisher, inspector))
    finally:
        inspector.close()
    return Result.of("round-trip", said, 0.0)


def test_a_test_record_goes_there_and_back(broker: Broker, way: Callable[..., RelaySteps]) -> None:
    topic = broker.topic(partitions=3, **{"message.timestamp.type": "LogAppendTime"})
    found = travelled(way(broker.address), topic)
    assert found.outcome is Outcome.OK
    assert len(found.facts) == 3, found
    [record] = broker.read(topic)
    assert ("ce_type", b"outbox.doctor.test") in record.headers


def test_a_writer_need_not_be_allowed_to_read(broker: Broker, way: Callable[..., RelaySteps]) -> None:
    topic = broker.topic()
    broker.allow(topic, "WRITE", "DESCRIBE")
    found = travelled(way(broker.secured, **sasl()), topic)
    assert found.outcome is Outcome.OK
    assert "not read back" in found.facts[-1]
    assert len(broker.read(topic)) == 1


def test_a_round_trip_creates_no_topic(broker: Broker, way: Callable[..., RelaySteps]) -> None:
    found = travelled(way(broker.address, allow_auto_create_topics=True), "test.doctor.nowhere")
    assert found.outcome is Outcome.FAILED
    assert not broker.exists("test.doctor.nowhere")


def test_what_an_inspector_says_of_topics(broker: Broker, way: Callable[..., RelaySteps]) -> None:
    topic = broker.topic(partitions=2)
    inspector = way(broker.address)._inspector()
    missing, there = inspector.topics(["test.doctor.none", topic])
    inspector.close()
    assert (missing.name, missing.trouble) == ("test.doctor.none", Trouble.MISSING)
    assert [each.has_leader for each in there.partitions] == [True, True]
    assert there.may("WRITE")
    assert there.number("max.message.bytes") == 1_048_588


def test_a_round_trip_may_take_as_long_as_two_waves(settings: Settings) -> None:
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": ["127.0.0.1:1"]}}
    settings.RELAY = {"DELIVERY_SECONDS": 90}
    *_, last = RelaySteps("default", "scratch", even_events=True).all()
    assert (last.name, last.seconds > 2 * 90) == ("round-trip", True)
