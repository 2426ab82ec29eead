"""Who is in a group, asked of a broker that knows users and ACLs, and over a link that goes silent."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from pytest_django import Settings

from inbox.conf import settings as inbox_settings
from inbox.status.lag import LagQuestion
from tests.inbox.conftest import BOTH_CLIENTS
from tests.publishers.broker import OUTSIDER, PASSWORD, Broker
from tests.waiting import wait_until

pytestmark = [pytest.mark.real_kafka, pytest.mark.django_db]
LOGIN = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": OUTSIDER,
    "sasl_plain_password": PASSWORD,
}
ASKING = """
import sys
from dataclasses import replace

import django

django.setup()
from inbox.conf import settings
from inbox.kafka.members import members
from outbox_core.kafka import KafkaSettings

client, address, group = sys.argv[1:]
kafka = KafkaSettings(backend=client, options={"bootstrap_servers": [address], "request_timeout_ms": 3000})
inbox = replace(settings(), kafka=kafka)
while True:
    print("members", len(members(inbox, group)), flush=True)
"""


@pytest.fixture
def topic(broker: Broker) -> str:
    """It has one record."""
    topic = broker.topic()
    with closing(KafkaProducer(bootstrap_servers=broker.address)) as producer:
        producer.send(topic, b"a").get(20)
    return topic


@pytest.fixture
def group(broker: Broker, topic: str) -> Iterator[str]:
    """It has one member."""
    name = f"group.{secrets.token_hex(4)}"
    options = {"bootstrap_servers": broker.address, "group_id": name, "metadata_max_age_ms": 500}
    with closing(KafkaConsumer(topic, **options)) as member:
        wait_until(lambda: member.poll(100) or member.assignment(), 30, "it has joined")
        yield name


@BOTH_CLIENTS
def test_who_may_not_describe_the_group_is_told_the_lag(
    broker: Broker, settings: Settings, client: str, topic: str, group: str
) -> None:
    broker.allow(topic, "READ", user=OUTSIDER)
    settings.KAFKA = {"BACKEND": client, "OPTIONS": {"bootstrap_servers": [broker.secured], **LOGIN}}
    settings.INBOX = {"CONSUMERS": {"crm": {"TOPICS": [topic], "GROUP": group}}}
    inbox = inbox_settings()
    asking, consumer = LagQuestion(inbox), inbox.consumer("crm")
    lag = asking.lag(consumer, "default")
    assert (lag.records, lag.reason, lag.strangers) == (1, "", 0)
    allow(broker, group)
    wait_until(lambda: asking.lag(consumer, "default").strangers == 1, 20, "it may describe it now")


def allow(broker: Broker, group: str) -> None:
    pattern = ResourcePattern(ResourceType.GROUP, group)
    with broker._admin() as admin:
        admin.create_acls(
            [ACL(f"User:{OUTSIDER}", "*", ACLOperation.DESCRIBE, ACLPermissionType.ALLOW, pattern)]
        )


@BOTH_CLIENTS
def test_a_link_that_goes_silent_ends_no_process_that_asks(
    broker: Broker, client: str, group: str, tmp_path: Path
) -> None:
    """It may be a consumer, or a web server."""
    log = tmp_path / "asking.log"
    with log.open("wb") as output:
        asking = [sys.executable, "-c", ASKING, client, broker.slow, group]
        process = subprocess.Popen(asking, stdout=output, stderr=output)
    try:
        for _ in range(3):
            wait_for(process, log, "members 1")
            broker.proxy.freeze()
            wait_for(process, log, "members 0")
            broker.proxy.heal()
        wait_for(process, log, "members 1")
    finally:
        broker.proxy.heal()
        process.kill()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], log: Path, line: str) -> None:
    """Wait for three more of these lines."""
    known = log.read_text().count(line)

    def is_there() -> bool:
        assert process.poll() is None, log.read_text()[-500:]
        return log.read_text().count(line) >= known + 3

    wait_until(is_there, 60, line)
