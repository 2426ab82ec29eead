"""settings.INBOX and its system checks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from inbox.conf import settings as inbox_settings
from inbox.errors import UnknownConsumer
from outbox_core import kafka
from tests.checking import run_checks

GOOD: dict[str, Any] = {"CONSUMERS": {"crm": {"TOPICS": ["orders"]}}}


def test_defaults(settings: Settings) -> None:
    settings.INBOX = GOOD
    inbox = inbox_settings()
    crm = inbox.consumer("crm")
    assert (crm.name, crm.topics, crm.group, crm.handlers) == ("crm", ("orders",), "crm", ())
    assert (inbox.attempts, inbox.retention_days, inbox.database) == (3, 30, "default")


def test_prefix_is_put_before_topics_and_groups(settings: Settings) -> None:
    settings.INBOX = {**GOOD, "TOPIC_PREFIX": "demo1."}
    crm = inbox_settings().consumer("crm")
    assert (crm.topics, crm.group) == (("demo1.orders",), "demo1.crm")


def test_unknown_consumer_is_answered_with_the_nearest(settings: Settings) -> None:
    settings.INBOX = GOOD
    with pytest.raises(UnknownConsumer, match=r"'cmr'.*Did you mean 'crm'\?"):
        inbox_settings().consumer("cmr")


@pytest.mark.parametrize(
    ("changed", "check", "word"),
    [
        ({"OPTION": {}}, "inbox.E001", "OPTION"),
        ({"CONSUMERS": {"x": {"TOPICS": ["x"], "WORKERS": 257}}}, "inbox.E002", "<= 256"),
        ({"DATABASE": "nowhere"}, "inbox.E008", "nowhere"),
        ({"OTHER_DATABASES": ["nowhere"]}, "inbox.E012", "nowhere"),
        ({"KAFKA": {"BACKEND": "a.Publisher"}}, "inbox.W002", "kafka-python"),
        ({"CONSUMERS": {"x": {"TOPICS": ["x"], "HANDLERS": ["no.such"]}}}, "inbox.E006", "'x'"),
    ],
)
def test_system_check(settings: Settings, changed: dict[str, Any], check: str, word: str) -> None:
    settings.INBOX = {**settings.INBOX, **changed}
    assert any(word in m.msg for m in run_checks() if m.id == check)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"enable_auto_commit": True}, "'enable_auto_commit', which the inbox sets itself"),
        ({"enable.auto.commit": "true"}, "'enable_auto_commit', which the inbox sets itself"),
        ({"group.instance.id": "a"}, "'group_instance_id', which the inbox sets itself"),
        ({"max_pol_records": 1}, "Did you mean 'max_poll_records'?"),
        ({"compression_type": "lz4"}, "an option of a producer"),
        ({"enable.ssl.certificate.verification": False}, "'enable.ssl.certificate.verification'"),
        ({"queued.min.messages": 5}, "'queued.min.messages'"),
        ({"bootstrap_servers": [""]}, "the address of Kafka"),
    ],
    ids=repr,
)
def test_options_that_its_client_does_not_have_are_named(
    settings: Settings, options: dict[str, Any], words: str
) -> None:
    settings.INBOX = {**settings.INBOX, "KAFKA": {"OPTIONS": options}}
    assert [words in m.msg + (m.hint or "") for m in run_checks() if m.id == "inbox.E010"] == [True]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"enable_auto_commit": True}, "'enable.auto.commit', which the inbox sets itself"),
        ({"group.instance.id": "a"}, "'group.instance.id', which the inbox sets itself"),
        ({"queued.min.mesages": 1}, "Did you mean 'queued.min.messages'?"),
        ({"max_poll_records": 5}, "'max_poll_records'"),
        ({"queued.min.messages": "many"}, "queued.min.messages"),
        ({"ssl.ca.location": "/nowhere", "security.protocol": "ssl"}, "ssl.ca.location"),
    ],
    ids=repr,
)
def test_options_that_librdkafka_does_not_have_are_named(
    settings: Settings, options: dict[str, Any], words: str
) -> None:
    settings.INBOX = {**settings.INBOX, "KAFKA": {"BACKEND": "confluent", "OPTIONS": options}}
    assert [words in m.msg + (m.hint or "") for m in run_checks() if m.id == "inbox.E010"] == [True]


def test_client_that_the_inbox_has_is_no_warning(settings: Settings) -> None:
    for backend in ("", "kafka-python", "confluent"):
        settings.INBOX = {**settings.INBOX, "KAFKA": {"BACKEND": backend}}
        assert [m for m in run_checks() if m.id == "inbox.W002"] == []


def test_options_of_a_project_that_publishes_with_confluent_are_translated(settings: Settings) -> None:
    settings.KAFKA = {
        "BACKEND": "confluent",
        "OPTIONS": {
            "bootstrap.servers": "a:1,b:2",
            "security.protocol": "sasl_ssl",
            "sasl.username": "u",
            "session.timeout.ms": "9000",
            "compression.type": "lz4",
        },
    }
    settings.INBOX = {**GOOD, "KAFKA": {"BACKEND": "kafka-python", "OPTIONS": {"max_poll_records": 7}}}
    assert inbox_settings().kafka_options() == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_SSL",
        "sasl_plain_username": "u",
        "session_timeout_ms": 9000,
        "max_poll_records": 7,
    }
    settings.INBOX = {**GOOD, "KAFKA": {"OPTIONS": {"max_poll_interval_ms": 7}}}
    client, servers, options = inbox_settings().kafka_client()
    assert (client, servers, options["max.poll.interval.ms"]) == ("confluent", ["a:1", "b:2"], 7)


def test_only_kafka_python_needs_assert_statements(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "sys", SimpleNamespace(flags=SimpleNamespace(optimize=1)))
    options = {"bootstrap_servers": "a:1"}
    settings.KAFKA = {"BACKEND": "confluent", "OPTIONS": options}
    assert inbox_settings().kafka_options()
    settings.KAFKA = {"BACKEND": "kafka-python", "OPTIONS": options}
    with pytest.raises(ImproperlyConfigured, match="PYTHONOPTIMIZE, or set KAFKA"):
        inbox_settings().kafka_options()


def test_handler_that_would_run_in_two_consumers_is_found(settings: Settings) -> None:
    one = {"TOPICS": ["x"], "HANDLERS": ["consumers.crm.handlers"]}
    settings.INBOX = {**settings.INBOX, "CONSUMERS": {"one": one, "two": one}}
    assert "would run in 'one' and in 'two'" in next(m.msg for m in run_checks() if m.id == "inbox.E007")


def test_settings_of_the_services_pass_their_checks() -> None:
    assert [m for m in run_checks() if str(m.id).startswith(("inbox.", "kafka."))] == []
