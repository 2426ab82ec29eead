"""Where a client connects, from options in either spelling."""

from __future__ import annotations

import pytest

from outbox_core.address import Address
from outbox_core.kafka_endpoint import Endpoint, broker_address

SECRET = "hunter2"
PYTHON = {
    "bootstrap_servers": ["one:1", "two:2"],
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": "relay",
    "sasl_plain_password": SECRET,
    "ssl_check_hostname": False,
}
LIBRDKAFKA = {
    "bootstrap.servers": "one:1, two:2",
    "security.protocol": "sasl_ssl",
    "sasl.mechanisms": "PLAIN",
    "sasl.username": "relay",
    "sasl.password": SECRET,
    "ssl.endpoint.identification.algorithm": "none",
}


@pytest.mark.parametrize("options", [PYTHON, LIBRDKAFKA], ids=["kafka-python", "librdkafka"])
def test_both_spellings_mean_the_same_and_no_secret_is_shown(options: dict[str, object]) -> None:
    endpoint = Endpoint.of(options)
    assert endpoint.addresses == (Address("one", 1), Address("two", 2))
    assert (endpoint.uses_tls, endpoint.uses_sasl, endpoint.principal) == (True, True, "User:relay")
    assert endpoint.options["ssl_check_hostname"] is False
    assert str(endpoint) == "one:1, two:2 (SASL PLAIN as relay)"
    assert SECRET not in f"{endpoint!r} {endpoint}"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("kafka", Address("kafka", 9092)),
        ("kafka:1", Address("kafka", 1)),
        ("SSL://kafka:1", Address("kafka", 1)),
        ("[::1]:1", Address("::1", 1)),
        ("::1", Address("::1", 9092)),
    ],
)
def test_an_address_in_each_of_its_forms(text: str, address: Address) -> None:
    assert broker_address(text) == address


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert str(Address("::1", 9092)) == "[::1]:9092"


def test_the_secrets_of_the_options_are_hidden_in_a_text_and_nothing_else() -> None:
    said = Endpoint.of(LIBRDKAFKA).hide(f"SASL authentication failed: user relay, {SECRET}")
    assert SECRET not in said
    assert said.startswith("SASL authentication failed: user relay, ")


def test_without_a_protocol_there_is_neither_tls_nor_a_login() -> None:
    endpoint = Endpoint.of({"bootstrap_servers": "kafka:1"})
    assert not endpoint.uses_tls
    assert not endpoint.uses_sasl
