"""Whatever keeps a client from the broker is said in the client's own words, with the remedy that fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from django.core.exceptions import ImproperlyConfigured
from kafka import errors as kafka_errors

from outbox_core.kafka_reasons import explained
from relay.errors import PublisherUnavailable
from relay.publishers.base import Publisher
from tests.publishers.broker import Broker
from tests.publishers.clients import Client, Security, kafka_python
from tests.publishers.conftest import Patience
from tests.publishers.listeners import ALERT, speaking_tls
from tests.waiting import wait_until

Connect = Callable[..., Publisher]
REASONS = {
    "refused": (r"refused", "listens on this address"),
    "unknown host": (r"resol|getaddrinfo|dns", "host names"),
    "TLS against plaintext": (r"handshake|ssl", "speaks TLS"),
    "plaintext against SASL": (r"disconnected|closed|sasl", "expect"),
    "no mechanism in common": (r"mechanism", "SASL mechanism"),
    "wrong password": (r"authentication", "user name and the password"),
}


@pytest.fixture(autouse=True)
def attempts_are_short(patience: Patience) -> None:
    patience(0.5)


def reached(broker: Broker, case: str) -> tuple[str, Security | None]:
    """The address and the credentials of a case."""
    return {
        "refused": ("127.0.0.1:1", None),
        "unknown host": ("nowhere.invalid:9092", None),
        "TLS against plaintext": (broker.address, Security("SSL")),
        "plaintext against SASL": (broker.secured, None),
        "no mechanism in common": (broker.secured, Security(mechanism="SCRAM-SHA-512", password="x")),
        "wrong password": (broker.secured, Security(password="wrong")),
    }[case]


def said(publisher: Publisher, pattern: str) -> str:
    """The reason that ``prepare`` gives; at first it may be that no answer has come yet."""
    heard: list[str] = []

    def is_said() -> bool:
        try:
            publisher.prepare(["any"])
        except PublisherUnavailable as error:
            heard.append(str(error))
        return bool(heard) and re.search(pattern, heard[-1], re.IGNORECASE) is not None

    try:
        wait_until(is_said, 60, pattern)
    except AssertionError:
        raise AssertionError(f"{pattern} is not in {heard}") from None
    return heard[-1]


@pytest.mark.real_kafka
@pytest.mark.parametrize("case", REASONS)
def test_the_reason_and_its_remedy_are_said(broker: Broker, connect: Connect, case: str) -> None:
    pattern, remedy = REASONS[case]
    address, security = reached(broker, case)
    reason = said(connect(address, security=security), pattern)
    assert remedy in reason
    others = [other for name, (_, other) in REASONS.items() if name != case]
    assert not [other for other in others if other in reason]


@pytest.mark.parametrize("answer", [ALERT, b""], ids=["alert", "end"])
def test_a_listener_that_speaks_tls_is_named_as_such(connect: Connect, answer: bytes) -> None:
    with speaking_tls(answer) as address:
        reason = said(connect(address), r"frame|message|disconnected|closed")
        assert "it may expect TLS" in reason


def test_a_missing_ca_file_is_found_when_the_options_are_checked(client: Client, tmp_path: Path) -> None:
    missing = str(tmp_path / "ca.pem")
    with pytest.raises(ImproperlyConfigured, match="No such file") as refusal:
        client("127.0.0.1:1", security=Security("SSL", ca=missing))
    assert missing in str(refusal.value)


def test_a_ca_file_that_vanishes_is_said(tmp_path: Path, broker: Broker) -> None:
    """kafka-python reads it with every connection."""
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    publisher = kafka_python(broker.address, security=Security("SSL", ca=str(ca)))
    ca.unlink()
    assert "paths of the certificate files" in said(publisher, "No such file")
    publisher.close(5)


def test_a_reason_without_a_remedy_stays_as_it_is() -> None:
    assert explained("Something\n else. ") == "Something else."


def broker_errors() -> list[str]:
    """What a broker answers, in the words of both clients."""
    of_python = [
        f"[Error {code}] {error.__name__}: None" for code, error in kafka_errors.kafka_errors.items()
    ]
    of_c = [error for code in range(1, 120) if not (error := KafkaError(code)).name().startswith("ERR_")]
    return [*of_python, *(f"{error.name()}: {error.str()}" for error in of_c)]


@pytest.mark.parametrize("reason", broker_errors())
def test_what_a_broker_answers_is_not_taken_for_a_listener_of_another_protocol(reason: str) -> None:
    about_connection = re.search(r"(?i)network|disconnected|invalid.?m\w*.?size", reason)
    assert "expect TLS" not in explained(reason) or about_connection


@pytest.mark.parametrize(
    "reason",
    ["[Error 10] MessageSizeTooLargeError: None", "MSG_SIZE_TOO_LARGE: Broker: Message size too large"],
)
def test_a_record_that_is_too_large_names_the_option_of_the_topic(reason: str) -> None:
    assert "max.message.bytes" in explained(reason)


def test_a_password_that_scram_refuses_is_not_taken_for_the_mechanism() -> None:
    reason = (
        "SASL authentication error: Authentication failed during authentication due to invalid credentials "
        "with SASL mechanism SCRAM-SHA-256"
    )
    assert "user name and the password" in explained(reason)
    assert "mechanism that" in explained("Client SASL mechanism 'PLAIN' not enabled in the server")
