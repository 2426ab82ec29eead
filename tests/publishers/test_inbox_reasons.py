"""A consumer that Kafka does not let in says why, with the remedy that fits, whichever client reads."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

from inbox.errors import SourceUnavailable
from inbox.kafka import KafkaSource
from inbox.kafka.clients import connections
from inbox.memory import MemoryOffsets
from outbox_core.kafka_options import CONSUMER, KAFKA_PYTHON, SERVERS
from outbox_core.kafka_translation import resolve
from outbox_core.people.failure import describe
from tests.inbox.conftest import BOTH_CLIENTS
from tests.publishers.broker import OUTSIDER, PASSWORD, Broker
from tests.publishers.test_reasons import REASONS, reached
from tests.waiting import wait_until

pytestmark = pytest.mark.real_kafka


def hears(client: str, address: str, topic: str, given: dict[str, Any], pattern: str) -> str:
    """What the consumer waits for, once it is this; at first it may be that no answer has come yet."""
    if client == KAFKA_PYTHON:
        given = {"bootstrap_timeout_ms": 4_000, **given}
    options, wrong = resolve(("", {}), ("", {SERVERS: address, **given}), client=client, side=CONSUMER)
    assert not wrong
    options = {
        n: value for n, value in options.items() if n not in ("bootstrap_servers", "bootstrap.servers")
    }
    group = f"test.{secrets.token_hex(4)}"
    source = KafkaSource(
        "test", connections(client, [address], options, group), topics=[topic], offsets=MemoryOffsets()
    )
    heard: list[str] = []

    def is_said() -> bool:
        try:
            source.poll(0.1)
        except SourceUnavailable as error:
            heard.append(describe(error))
        return bool(heard) and re.search(pattern, heard[-1], re.IGNORECASE) is not None

    try:
        wait_until(is_said, 60, pattern)
    except AssertionError:
        raise AssertionError(f"{pattern} is not in {heard}") from None
    finally:
        source.close()
    return heard[-1]


@BOTH_CLIENTS
@pytest.mark.parametrize("case", REASONS)
def test_the_reason_and_its_remedy_are_said(broker: Broker, client: str, case: str) -> None:
    pattern, remedy = REASONS[case]
    address, security = reached(broker, case)
    given: dict[str, Any] = {} if security is None else {"security_protocol": security.protocol}
    if security is not None and "SASL" in security.protocol:
        given |= {"sasl_mechanism": security.mechanism, "sasl_plain_username": security.user}
        given |= {"sasl_plain_password": security.password}
    assert remedy in hears(client, address, broker.topic(), given, pattern)


@BOTH_CLIENTS
def test_rights_that_are_missing_are_named(broker: Broker, client: str) -> None:
    given = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
    given |= {"sasl_plain_username": OUTSIDER, "sasl_plain_password": PASSWORD}
    reason = hears(client, broker.secured, broker.topic(), given, "group.?authori[sz]ation")
    assert "Grant READ on the group to this user." in reason
