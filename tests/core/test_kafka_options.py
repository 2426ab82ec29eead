"""Options of one Kafka client are understood by the other, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, KafkaProducer

from outbox_core.kafka_options import (
    BOTH,
    CONFLUENT,
    CONSUMER,
    KAFKA_PYTHON,
    OPTIONS,
    PRODUCER,
    Option,
)
from outbox_core.kafka_translation import resolve
from tests.checking import run_checks

SERVERS = {"bootstrap_servers": ["a:1"]}
CLIENTS = {PRODUCER: set(KafkaProducer.DEFAULT_CONFIG), CONSUMER: set(KafkaConsumer.DEFAULT_CONFIG)}


def resolved(
    shared: dict[str, Any], own: dict[str, Any] | None = None, *, client: str, side: str = PRODUCER
) -> tuple[dict[str, Any], list[str]]:
    return resolve(("KAFKA", shared), ("OWN", own or {}), client=client, side=side)


def test_the_table_has_every_option_of_kafka_python_on_its_side() -> None:
    for side, names in CLIENTS.items():
        assert {option.python for option in OPTIONS if option.python and option.side in (side, BOTH)} == names


NOT_TEXT = {"dr_cb", "on_delivery", "partitioner", "delivery.report.only.error"}


def judgement(name: str) -> str:
    """What librdkafka thinks of an option; it may dislike the value."""
    try:
        Producer({name: "1", "log_level": 0}).close()
    except KafkaException as error:
        return str(error)
    return ""


def test_every_name_of_librdkafka_in_the_table_exists() -> None:
    names = {name for option in OPTIONS for name in option.names(CONFLUENT) if name} - NOT_TEXT
    assert [name for name in names if "No such configuration property" in judgement(name)] == []
    assert "No such configuration property" in judgement("no.such")


@pytest.mark.parametrize(
    ("python", "librdkafka"),
    [
        ({"bootstrap_servers": ["a:1", "b:2"]}, {"bootstrap.servers": "a:1,b:2"}),
        ({"security_protocol": "SASL_SSL"}, {"security.protocol": "SASL_SSL"}),
        ({"sasl_mechanism": "PLAIN"}, {"sasl.mechanism": "PLAIN"}),
        ({"sasl_plain_username": "u"}, {"sasl.username": "u"}),
        ({"sasl_plain_password": "p"}, {"sasl.password": "p"}),
        ({"ssl_cafile": "/ca"}, {"ssl.ca.location": "/ca"}),
        ({"ssl_certfile": "/c"}, {"ssl.certificate.location": "/c"}),
        ({"ssl_keyfile": "/k"}, {"ssl.key.location": "/k"}),
        ({"ssl_check_hostname": True}, {"ssl.endpoint.identification.algorithm": "https"}),
        ({"ssl_check_hostname": False}, {"ssl.endpoint.identification.algorithm": "none"}),
        ({"compression_type": "lz4"}, {"compression.type": "lz4"}),
        ({"compression_type": None}, {"compression.type": "none"}),
        ({"client_id": "me"}, {"client.id": "me"}),
        ({"request_timeout_ms": 5_000}, {"request.timeout.ms": 5_000}),
        ({"allow_auto_create_topics": False}, {"allow.auto.create.topics": "false"}),
    ],
)
def test_what_means_the_same_is_translated_both_ways(
    python: dict[str, Any], librdkafka: dict[str, Any]
) -> None:
    assert resolved({**SERVERS, **python}, client=CONFLUENT)[0].items() >= librdkafka.items()
    assert resolved({**SERVERS, **librdkafka}, client=KAFKA_PYTHON)[0].items() >= python.items()


@pytest.mark.parametrize(
    ("options", "python"),
    [
        ({"request.timeout.ms": "5000"}, {"request_timeout_ms": 5_000}),
        ({"security.protocol": "ssl"}, {"security_protocol": "SSL"}),
        ({"sasl.mechanisms": "SCRAM-SHA-256"}, {"sasl_mechanism": "SCRAM-SHA-256"}),
        ({"compression.codec": "none"}, {"compression_type": None}),
        ({"allow.auto.create.topics": "True"}, {"allow_auto_create_topics": True}),
        ({"security_protocol": "sasl_ssl"}, {"security_protocol": "SASL_SSL"}),
        ({"request_timeout_ms": "5000"}, {"request_timeout_ms": 5_000}),
        ({"allow_auto_create_topics": "false"}, {"allow_auto_create_topics": False}),
    ],
)
def test_text_becomes_what_kafka_python_wants(options: dict[str, Any], python: dict[str, Any]) -> None:
    assert resolved({**SERVERS, **options}, client=KAFKA_PYTHON)[0] == {**SERVERS, **python}


def test_a_clients_own_spelling_is_left_as_it_is() -> None:
    options = {"bootstrap.servers": "a:1", "queue.buffering.max.ms": "5", "debug": "all", "log_level": 3}
    assert resolved(options, client=CONFLUENT) == (options, [])
    python = {"bootstrap_servers": ["a:1"], "ssl_context": object(), "of_a_newer_version": 1}
    assert resolved(python, client=KAFKA_PYTHON) == (python, [])


@pytest.mark.parametrize(
    ("shared", "own"),
    [
        ({"request_timeout_ms": 1}, {"request.timeout.ms": 2}),
        ({"request.timeout.ms": 1}, {"request_timeout_ms": 2}),
        ({"request_timeout_ms": 1}, {"request_timeout_ms": 2}),
    ],
)
def test_ones_own_options_win_whatever_their_spelling(shared: dict[str, Any], own: dict[str, Any]) -> None:
    python, problems = resolved({**SERVERS, **shared}, own, client=KAFKA_PYTHON)
    assert (python["request_timeout_ms"], problems) == (2, [])


def test_both_spellings_may_agree() -> None:
    options = {"bootstrap_servers": ["a:1", "b:2"], "bootstrap.servers": "a:1,b:2", "retries": 3}
    assert resolved(options, client=KAFKA_PYTHON)[1] == []


@pytest.mark.parametrize(
    ("shared", "own", "client", "names"),
    [
        ({"client_id": "a", "client.id": "b"}, {}, KAFKA_PYTHON, ["client_id", "client.id"]),
        ({"compression.type": "lz4", "compression.codec": "gzip"}, {}, CONFLUENT, ["compression.codec"]),
        ({"statistics.interval.ms": 1}, {}, KAFKA_PYTHON, ["statistics.interval.ms"]),
        ({"ssl_context": object()}, {}, CONFLUENT, ["ssl_context"]),
        ({"max_block_ms": 1}, {}, CONFLUENT, ["max_block_ms"]),
        ({"queue.buffering.max.messages": 1}, {}, KAFKA_PYTHON, ["queue.buffering.max.messages"]),
        ({"sasl.usrname": "u"}, {}, KAFKA_PYTHON, ["sasl.usrname", "Did you mean 'sasl.username'?"]),
        ({}, {"fetch_min_bytes": 1}, KAFKA_PYTHON, ["OWN", "fetch_min_bytes"]),
    ],
)
def test_what_cannot_be_translated_is_named(
    shared: dict[str, Any], own: dict[str, Any], client: str, names: list[str]
) -> None:
    (problem,) = resolved({**SERVERS, **shared}, own, client=client)[1]
    assert all(name in problem for name in names), problem


@pytest.mark.parametrize("client", [KAFKA_PYTHON, CONFLUENT])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("security_protocol", "SSLL"),
        ("security_protocol", "sasl-ssl"),
        ("security.protocol", ""),
        ("security_protocol", True),
        ("request_timeout_ms", "abc"),
        ("request_timeout_ms", -1),
        ("retry.backoff.ms", True),
    ],
)
def test_a_value_that_cannot_be_meant_is_named_with_what_is_possible(
    client: str, name: str, value: object
) -> None:
    """kafka-python would send in plaintext and without a login, or time out for ever."""
    (problem,) = resolved({**SERVERS, name: value}, client=client)[1]
    assert all(text in problem for text in (name, repr(value), "it must be "))


def test_every_problem_is_named_at_once() -> None:
    options = {"client_id": "a", "client.id": "b", "debug.x": 1, "bootstrap_servers": [""]}
    assert len(resolved(options, client=KAFKA_PYTHON)[1]) == 3


@pytest.mark.parametrize("side", [PRODUCER, CONSUMER])
def test_shared_options_of_the_other_side_are_skipped(side: str) -> None:
    shared = {**SERVERS, "compression.type": "lz4", "fetch.min.bytes": 5, "queued.min.messages": 3}
    options, problems = resolved({**shared, "batch.num.messages": 7}, client=CONFLUENT, side=side)
    assert problems == []
    assert ("compression.type" in options, "fetch.min.bytes" in options) == (
        side == PRODUCER,
        side == CONSUMER,
    )


@pytest.mark.parametrize(
    "address",
    [
        "kafka", "kafka:9092", "a.b-c_d:1", "10.0.0.1:9092", "[::1]:9092", "::1", "PLAINTEXT://kafka:9092",
        "a:1, b:2", ["a:1", "b:2"], ("a:1",), "kafkä:9092",
    ],
)  # fmt: skip
def test_addresses_that_a_client_can_use_are_taken(address: Any) -> None:
    assert resolved({"bootstrap_servers": address}, client=KAFKA_PYTHON)[1] == []


@pytest.mark.parametrize(
    "address",
    [
        "", " ", "a:1,", ",", "a:", ":1", "a:b", "a:0", "a:65536", "a b:1", "a;b", "http:///", "[::1:9092",
        [], [""], [None], ["a:1,b:2"], None, 12, {"a": 1}, b"a:1",
    ],
)  # fmt: skip
def test_addresses_that_nobody_can_use_are_refused(address: Any) -> None:
    (problem,) = resolved({"bootstrap_servers": address}, client=KAFKA_PYTHON)[1]
    assert "bootstrap_servers" in problem


@pytest.mark.parametrize(
    "address", ["me:hunter2@a:1", "kafka+ssl://me:hunter2@a:1", {"a": "x://me:hunter2@a"}]
)
def test_a_login_in_an_address_is_refused_and_not_shown(address: Any) -> None:
    (problem,) = resolved({"bootstrap_servers": address}, client=KAFKA_PYTHON)[1]
    assert "hunter2" not in problem


NAMED_BY_BOTH = [
    option
    for option in OPTIONS
    if option.python and option.librdkafka and option.python != "bootstrap_servers"
]


def translate_and_back(option: Option, text: str) -> None:
    """The way to librdkafka and back changes neither the text nor its meaning."""
    side = PRODUCER if option.side == BOTH else option.side
    there = resolved({**SERVERS, option.python: text}, client=CONFLUENT, side=side)[0][option.librdkafka]
    back = resolved({**SERVERS, option.librdkafka: there}, client=KAFKA_PYTHON, side=side)[0]
    again = resolved({**SERVERS, option.python: back[option.python]}, client=CONFLUENT, side=side)[0]
    assert again[option.librdkafka] == there
    assert option.kind.plain(there) == option.kind.plain(text)


@given(st.sampled_from(NAMED_BY_BOTH), st.text())
def test_a_translation_and_back_is_the_same(option: Option, text: str) -> None:
    translate_and_back(option, text)


@pytest.mark.parametrize(
    "word", ["none", "https", "True", "false", "-1", "07", "ssl", "all", "smallest", "end"]
)
def test_so_it_is_for_every_option_and_what_has_a_meaning_of_its_own(word: str) -> None:
    for option in NAMED_BY_BOTH:
        translate_and_back(option, word)


def test_what_is_wrong_with_kafka_is_found_once(settings: Any) -> None:
    settings.KAFKA = {"OPTION": {}}
    assert [message.id for message in run_checks() if message.id == "kafka.E001"] == ["kafka.E001"]


def test_the_reference_has_every_option_that_is_translated() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "kafka.md").read_text()
    rows = [
        f"| `{option.python}` | `{'`, `'.join(option.names(CONFLUENT))}` | {option.side} |"
        for option in OPTIONS
        if option.python and option.librdkafka
    ]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows
