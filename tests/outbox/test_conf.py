"""Settings are checked before anything depends on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from django.core.exceptions import ImproperlyConfigured

from outbox.conf import problems, read
from outbox.conf import settings as outbox_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    url: str
    seconds: float = 1.0
    mode: Literal["a", "b"] = "a"
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise ValueError("SECONDS has to be positive")


def test_upper_case_keys_become_fields_and_the_rest_keeps_its_default(settings: Any) -> None:
    settings.SAMPLE = {"URL": "x", "SECONDS": 2, "OPTIONS": {"acks": "all"}}
    assert read(Sample, "SAMPLE") == Sample(url="x", seconds=2.0, options={"acks": "all"})


@pytest.mark.parametrize(
    ("given", "ids", "message"),
    [
        (
            {"URL": "x", "SECOND": 1},
            ["E001"],
            "SAMPLE has an unknown setting 'SECOND'. Did you mean 'SECONDS'?",
        ),
        ({"url": "x"}, ["E001", "E003"], "SAMPLE has an unknown setting 'url'. Did you mean 'URL'?"),
        ({"URL": "x", "FLAG": 1}, ["E001"], "'FLAG'. Known are URL, SECONDS, MODE, OPTIONS."),
        ({"URL": "x", 7: 1}, ["E001"], "unknown setting 7"),
        ({"URL": 7}, ["E002"], "SAMPLE['URL'] = 7: Expected `str`, got `int`."),
        ({"URL": "x", "SECONDS": True}, ["E002"], "SAMPLE['SECONDS'] = True: Expected `float`, got `bool`."),
        ({"URL": "x", "MODE": "c"}, ["E002"], "Invalid enum value 'c'"),
        ({}, ["E003"], "SAMPLE lacks 'URL'. Set SAMPLE = {'URL': …}."),
        ([], ["E002"], "SAMPLE is a list; it has to be a dict."),
        ({"URL": "x", "SECONDS": -1}, ["E004"], "SAMPLE: SECONDS has to be positive"),
    ],
)
def test_what_is_wrong_is_an_error_with_a_remedy(
    settings: Any, given: Any, ids: list[str], message: str
) -> None:
    settings.SAMPLE = given
    assert [problem.id for problem in problems(Sample, "SAMPLE")] == [f"sample.{each}" for each in ids]
    with pytest.raises(ImproperlyConfigured) as caught:
        read(Sample, "SAMPLE")
    assert message in str(caught.value)


def test_missing_dict_is_an_empty_one() -> None:
    assert [problem.id for problem in problems(Sample, "NOT_THERE")] == ["not_there.E003"]


def test_outbox_settings_follow_a_change_of_djangos(settings: Any) -> None:
    assert outbox_settings().max_event_bytes == 1_000_000
    settings.OUTBOX = {"SOURCE": "/other", "MAX_EVENT_BYTES": 7}
    assert (outbox_settings().source, outbox_settings().max_event_bytes) == ("/other", 7)


@pytest.mark.parametrize(
    "given",
    [
        {"SOURCE": ""},
        {"SOURCE": "two words"},
        {"MAX_EVENT_BYTES": 0},
        {"TOPIC_PREFIX": "a/b"},
        {"SCHEMA": 'a"b'},
        {"MAX_SERIALIZED_KEYS": 0},
        {"RETENTION": 7},
    ],
    ids=repr,
)
def test_outbox_settings_refuse(settings: Any, given: dict[str, object]) -> None:
    settings.OUTBOX = {"SOURCE": "/test", **given}
    with pytest.raises(ImproperlyConfigured, match=next(iter(given))):
        outbox_settings()
