"""One reader for OUTBOX, RELAY, INBOX and KAFKA: all that is wrong is a check error with a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured

from inbox.conf import Settings as InboxSettings
from outbox.conf import OutboxSettings
from outbox_core.kafka import KafkaSettings
from outbox_core.process.settings import FROM_NAME, problems, read
from relay.conf import RelaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    host: str
    ports: tuple[int, ...] = ()
    name: str = field(default="", metadata=FROM_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    url: str
    seconds: float = 1.0
    mode: Literal["a", "b"] = "a"
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    main: Server = field(default_factory=lambda: Server(host="main"))
    servers: Mapping[str, Server] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise ValueError("SECONDS has to be positive")


def test_upper_case_keys_become_fields_and_the_rest_keeps_its_default(settings: Any) -> None:
    settings.SAMPLE = {"URL": "x", "SECONDS": 2, "OPTIONS": {"acks": "all", "cb": print}}
    assert read(Sample, "SAMPLE") == Sample(url="x", seconds=2.0, options={"acks": "all", "cb": print})


def test_dicts_in_the_dict_become_dataclasses_that_know_their_name(settings: Any) -> None:
    settings.SAMPLE = {"URL": "x", "MAIN": {"HOST": "m"}, "SERVERS": {"b": {"HOST": "h", "PORTS": [1, 2]}}}
    assert read(Sample, "SAMPLE") == Sample(
        url="x", main=Server(host="m"), servers={"b": Server(name="b", host="h", ports=(1, 2))}
    )


GOOD: dict[Any, Any] = {"URL": "x"}


@pytest.mark.parametrize(
    ("given", "ids", "message"),
    [
        ({**GOOD, "SECOND": 1}, ["E001"], "SAMPLE has an unknown setting 'SECOND'. Did you mean 'SECONDS'?"),
        ({"url": "x"}, ["E001", "E003"], "SAMPLE has an unknown setting 'url'. Did you mean 'URL'?"),
        (
            {**GOOD, "FLAG": 1},
            ["E001"],
            "'FLAG'. Known are URL, SECONDS, MODE, LIMIT, OPTIONS, MAIN, SERVERS.",
        ),
        ({**GOOD, 7: 1}, ["E001"], "unknown setting 7"),
        ({"URL": 7}, ["E002"], 'SAMPLE["URL"] = 7: Expected `str`, got `int`.'),
        ({"URL": None}, ["E002"], 'SAMPLE["URL"] = None: Expected `str`, got `null`.'),
        ({**GOOD, "SECONDS": True}, ["E002"], 'SAMPLE["SECONDS"] = True: Expected `float`, got `bool`.'),
        ({**GOOD, "SECONDS": "1"}, ["E002"], "SAMPLE[\"SECONDS\"] = '1'"),
        ({**GOOD, "SECONDS": float("nan")}, ["E002"], 'SAMPLE["SECONDS"] = nan: expected a finite number.'),
        ({**GOOD, "SECONDS": float("inf")}, ["E002"], "finite"),
        ({**GOOD, "MODE": "c"}, ["E002"], "Invalid enum value 'c'"),
        ({**GOOD, "LIMIT": 0}, ["E002"], 'SAMPLE["LIMIT"] = 0'),
        ({}, ["E003"], 'SAMPLE has no "URL". Set SAMPLE = {"URL": …}.'),
        ([], ["E002"], "SAMPLE is a list; it must be a dict."),
        (None, ["E002"], "SAMPLE is a NoneType; it must be a dict."),
        ({**GOOD, "SECONDS": -1}, ["E004"], "SAMPLE: SECONDS has to be positive"),
        ({**GOOD, "OPTIONS": []}, ["E002"], 'SAMPLE["OPTIONS"]: Expected a dict, got a list.'),
        ({**GOOD, "MAIN": "x"}, ["E002"], 'SAMPLE["MAIN"] is a str; it must be a dict.'),
        ({**GOOD, "MAIN": {}}, ["E003"], 'SAMPLE["MAIN"] has no "HOST".'),
        ({**GOOD, "SERVERS": []}, ["E002"], 'SAMPLE["SERVERS"]: Expected a dict, got a list.'),
        ({**GOOD, "SERVERS": {"b": 1}}, ["E002"], 'SAMPLE["SERVERS"]["b"] is a int; it must be a dict.'),
        ({**GOOD, "SERVERS": {"b": {"HOTS": "h"}}}, ["E001", "E003"], "Did you mean 'HOST'?"),
        ({**GOOD, "SERVERS": {"b": {"HOST": "h", "NAME": "c"}}}, ["E001"], "'NAME'"),
        (
            {**GOOD, "SERVERS": {"b": {"HOST": "h", "PORTS": "12"}}},
            ["E002"],
            'SAMPLE["SERVERS"]["b"]["PORTS"] = \'12\': Expected a list, got `str`.',
        ),
        (
            {"MODE": "c", "SERVERS": {"b": {"HOST": 1}}, "FLAG": 1},
            ["E001", "E003", "E002", "E002"],
            'SAMPLE["SERVERS"]["b"]["HOST"] = 1',
        ),
    ],
    ids=repr,
)
def test_what_is_wrong_is_an_error_with_a_remedy(
    settings: Any, given: Any, ids: list[str], message: str
) -> None:
    settings.SAMPLE = given
    assert [problem.id for problem in problems(Sample, "SAMPLE")] == [f"sample.{each}" for each in ids]
    with pytest.raises(ImproperlyConfigured) as caught:
        read(Sample, "SAMPLE")
    assert message in str(caught.value)


def test_a_secret_in_a_container_is_not_shown(settings: Any) -> None:
    settings.SAMPLE = {"URL": "x", "OPTIONS": ["hunter2"]}
    assert "hunter2" not in str(problems(Sample, "SAMPLE"))


def test_missing_dict_is_an_empty_one() -> None:
    assert [problem.id for problem in problems(Sample, "NOT_THERE")] == ["not_there.E003"]


LEAST: dict[str, tuple[type, dict[str, Any]]] = {
    "OUTBOX": (OutboxSettings, {"SOURCE": "/test"}),
    "RELAY": (RelaySettings, {}),
    "INBOX": (InboxSettings, {"CONSUMERS": {"crm": {"TOPICS": ["orders"]}}}),
    "KAFKA": (KafkaSettings, {}),
}


@pytest.mark.parametrize("name", LEAST)
def test_the_least_is_enough(settings: Any, name: str) -> None:
    into, least = LEAST[name]
    setattr(settings, name, least)
    assert problems(into, name) == []


@pytest.mark.parametrize(
    ("name", "given", "number"),
    [
        *((name, {"NO_SUCH_THING": 1}, 1) for name in LEAST),
        ("OUTBOX", {"SOURCE": ""}, 2),
        ("OUTBOX", {"SOURCE": "two words"}, 2),
        ("OUTBOX", {"MAX_EVENT_BYTES": 0}, 2),
        ("OUTBOX", {"TOPIC_PREFIX": "a/b"}, 2),
        ("OUTBOX", {"SCHEMA": 'a"b'}, 2),
        ("OUTBOX", {"MAX_SERIALIZED_KEYS": 0}, 2),
        ("OUTBOX", {"KEY_ATTRIBUTES": "tenant"}, 2),
        ("OUTBOX", {"KEY_ATTRIBUTES": ["actor"]}, 4),
        ("OUTBOX", {"RETENTION": 7}, 1),
        ("RELAY", {"PAGE_ROW": 10}, 1),
        ("RELAY", {"PAGE_ROWS": 0}, 2),
        ("RELAY", {"PAGE_ROWS": "many"}, 2),
        ("RELAY", {"LEASE_SECONDS": 0.1}, 2),
        ("RELAY", {"BACKOFF_SECONDS": -1}, 2),
        ("RELAY", {"BATCH_BYTES": 0}, 2),
        ("RELAY", {"DELIVERY_SECONDS": 0}, 2),
        ("RELAY", {"POISON": "hold"}, 2),
        ("RELAY", {"POLL_SECONDS": 3.0}, 4),
        ("RELAY", {"KAFKA": {"BACKENDS": "confluent"}}, 1),
        ("RELAY", {"KAFKA": []}, 2),
        ("RELAY", {"PUBLISHER_OPTIONS": {}}, 1),
        ("INBOX", {"RETENTION_DAY": 1}, 1),
        ("INBOX", {"ATTEMPTS": 0}, 2),
        ("INBOX", {"ATTEMPTS": "3"}, 2),
        ("INBOX", {"BOOTSTRAP_SERVERS": ["k:9092"]}, 1),
        ("INBOX", {"CONSUMERS": []}, 2),
        ("INBOX", {"CONSUMERS": {"crm": {}}}, 3),
        ("INBOX", {"CONSUMERS": {"crm": {"TOPICS": []}}}, 2),
        ("INBOX", {"CONSUMERS": {"crm": {"TOPICS": "x"}}}, 2),
        ("KAFKA", {"OPTIONS": "localhost:9092"}, 2),
        ("KAFKA", {"BACKEND": 1}, 2),
    ],
    ids=repr,
)
def test_each_setting_refuses_what_it_cannot_use(
    settings: Any, name: str, given: dict[str, object], number: int
) -> None:
    into, least = LEAST[name]
    setattr(settings, name, {**least, **given})
    found = problems(into, name)
    assert [problem.id for problem in found] == [f"{name.lower()}.E{number:03}"]
    assert next(iter(given)) in found[0].msg + (found[0].hint or "")


@pytest.mark.parametrize("name", ["OUTBOX", "INBOX"])
def test_an_absent_setting_that_is_needed_is_an_error(settings: Any, name: str) -> None:
    delattr(settings, name)
    assert [problem.id for problem in problems(LEAST[name][0], name)] == [f"{name.lower()}.E003"]
