"""inbox_doctor on the way to a broker that knows users and ACLs."""

from __future__ import annotations

import secrets

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from pytest_django import Settings

from inbox.conf import settings as inbox_settings
from inbox.doctor.steps import ConsumerSteps
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from outbox_core.operations.doctor.step import Outcome, Result
from outbox_core.operations.doctor.walk import walk
from tests.publishers.broker import PASSWORD, Broker

pytestmark = pytest.mark.real_kafka
KAFKA = ("dns", "tcp", "tls", "login", "brokers", "acls", "topic", "group", "round-trip")
USER = "outsider"


class Reader:
    """A consumer that logs in at the broker, and what it is allowed."""

    def __init__(self, broker: Broker, settings: Settings, client: str) -> None:
        self.broker = broker
        self.client = client
        self.settings = settings
        self.topic = broker.topic()
        self.group = f"group.{secrets.token_hex(4)}"

    def examine(self, password: str = PASSWORD, round_trip: str | None = None) -> dict[str, Result]:
        """The results of the steps to Kafka."""
        options = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
        options |= {"sasl_plain_username": USER, "sasl_plain_password": password}
        self.settings.KAFKA = {
            "BACKEND": self.client, "OPTIONS": {"bootstrap_servers": [self.broker.secured], **options}
        }  # fmt: skip
        consumer = {"TOPICS": [self.topic], "GROUP": self.group}
        self.settings.INBOX = {"CONSUMERS": {"crm": consumer}}
        inbox = inbox_settings()
        way = ConsumerSteps(inbox, [inbox.consumer("crm")], "default", round_trip, even_events=True)
        steps = [step for step in way.all() if step.name.partition(" ")[0] in ("settings", *KAFKA)]
        try:
            return {result.name.partition(" ")[0]: result for result in walk(steps)}
        finally:
            way.close()

    def allow_group(self) -> None:
        with self.broker._admin() as admin:
            pattern = ResourcePattern(ResourceType.GROUP, self.group)
            admin.create_acls([ACL(f"User:{USER}", "*", ACLOperation.READ, ACLPermissionType.ALLOW, pattern)])


@pytest.fixture(params=[KAFKA_PYTHON, CONFLUENT])
def reader(
    broker: Broker, settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Reader:
    times = {"request_timeout_ms": 4_000, "bootstrap_timeout_ms": 4_000}
    monkeypatch.setattr("inbox.doctor.kafka_python.TIMES", times)
    return Reader(broker, settings, request.param)


def test_a_wrong_password_is_a_refused_login_and_never_shown(reader: Reader) -> None:
    found = reader.examine("never-shown")
    assert (found["login"].outcome, found["acls"].outcome) == (Outcome.FAILED, Outcome.NOT_TRIED)
    assert "password" in found["login"].findings[0].remedy
    assert "never-shown" not in repr(found)


def test_what_a_reader_must_be_allowed(reader: Reader) -> None:
    found = reader.examine()
    assert [found[name].outcome for name in ("acls", "topic", "group")] == [
        Outcome.FAILED,
        Outcome.NOT_TRIED,
        Outcome.FAILED,
    ]
    assert (
        found["acls"]
        .findings[0]
        .remedy.endswith(f"--operation Read --operation Describe --topic {reader.topic}")
    )
    assert found["group"].findings[0].remedy.endswith(f"--operation Read --group {reader.group}")
    reader.broker.allow(reader.topic, "READ", "DESCRIBE_CONFIGS", user=USER)
    reader.allow_group()
    found = reader.examine()
    assert [found[name].outcome for name in ("acls", "topic", "group")] == [Outcome.OK] * 3


def test_a_round_trip_needs_write(reader: Reader) -> None:
    reader.broker.allow(reader.topic, "READ", user=USER)
    assert reader.examine(round_trip=reader.topic)["round-trip"].outcome is Outcome.FAILED
    reader.broker.allow(reader.topic, "WRITE", user=USER)
    assert reader.examine(round_trip=reader.topic)["round-trip"].outcome is Outcome.OK
    assert len(reader.broker.read(reader.topic)) == 1
