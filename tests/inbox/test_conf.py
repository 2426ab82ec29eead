"""settings.INBOX and its system checks."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from inbox.conf import InboxMisconfigured, read
from inbox.errors import UnknownConsumer

GOOD: dict[str, Any] = {"BOOTSTRAP_SERVERS": ["k:9092"], "CONSUMERS": {"crm": {"TOPICS": ["orders"]}}}


def test_defaults() -> None:
    settings = read(GOOD)
    crm = settings.consumer("crm")
    assert (crm.topics, crm.group, crm.handlers, crm.batch_size) == (("orders",), "crm", (), 500)
    assert (settings.attempts, settings.retention_days, settings.database) == (3, 30, "default")


def test_prefix_is_put_before_topics_and_groups() -> None:
    crm = read({**GOOD, "TOPIC_PREFIX": "demo1."}).consumer("crm")
    assert (crm.topics, crm.group) == (("demo1.orders",), "demo1.crm")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"RETENTION_DAY": 1}, "INBOX has no key 'RETENTION_DAY', did you mean 'RETENTION_DAYS'?"),
        ({"ATTEMPTS": 0}, r"INBOX: Expected `int` >= 1 - at `INBOX\['ATTEMPTS'\]`"),
        ({"ATTEMPTS": "3"}, r"INBOX: Expected `int`, got `str` - at `INBOX\['ATTEMPTS'\]`"),
        ({"BOOTSTRAP_SERVERS": []}, "BOOTSTRAP_SERVERS"),
        ({"CONSUMERS": []}, r"INBOX\['CONSUMERS'\] is not a dict"),
        ({"CONSUMERS": {"crm": {}}}, r"INBOX\['CONSUMERS'\]\['crm'\]: Object missing required field TOPICS"),
        ({"CONSUMERS": {"crm": {"TOPIC": ["x"]}}}, "has no key 'TOPIC', did you mean 'TOPICS'"),
        ({"CONSUMERS": {"crm": {"TOPICS": "x"}}}, r"Expected `array`, got `str` - at `.*'TOPICS'"),
    ],
)
def test_what_is_wrong_is_said(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(InboxMisconfigured, match=problem):
        read({**GOOD, **changed})


def test_missing_settings_are_said() -> None:
    with pytest.raises(InboxMisconfigured, match="INBOX is not a dict"):
        read(None)


def test_unknown_consumer_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownConsumer, match=r"no consumer 'cmr', did you mean 'crm'\?"):
        read(GOOD).consumer("cmr")


@pytest.mark.parametrize(
    ("changed", "check", "message"),
    [
        ({"OPTION": {}}, "inbox.E001", "INBOX has no key 'OPTION', did you mean 'OPTIONS'?"),
        (
            {"DATABASE": "nowhere"},
            "inbox.E002",
            "INBOX['DATABASE'] names 'nowhere', which is not in DATABASES.",
        ),
        (
            {"OPTIONS": {"enable_auto_commit": True}},
            "inbox.E004",
            "'enable_auto_commit', which the inbox sets itself",
        ),
        ({"OPTIONS": {"max_pol_records": 1}}, "inbox.E004", "did you mean 'max_poll_records'?"),
        (
            {"CONSUMERS": {"x": {"TOPICS": ["x"], "HANDLERS": ["no.such"]}}},
            "inbox.E006",
            "'x' has no handlers",
        ),
    ],
)
def test_system_check(settings: Settings, changed: dict[str, Any], check: str, message: str) -> None:
    settings.INBOX = {**settings.INBOX, **changed}
    found = [m for m in run_checks() if m.id == check]
    assert any(message in m.msg for m in found), found


def test_handler_that_would_run_in_two_consumers_is_found(settings: Settings) -> None:
    one = {"TOPICS": ["x"], "HANDLERS": ["consumers.crm.handlers"]}
    settings.INBOX = {**settings.INBOX, "CONSUMERS": {"one": one, "two": one}}
    assert "would run in 'one' and in 'two'" in next(m.msg for m in run_checks() if m.id == "inbox.E007")


def test_settings_of_the_services_pass_their_checks() -> None:
    assert [m for m in run_checks() if str(m.id).startswith("inbox.")] == []
