"""inbox_doctor names the step at which a consumer would stand still."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from inbox.doctor.database import DatabaseSteps
from inbox.doctor.offsets import judge
from inbox.models import Offset
from outbox_core.operations.doctor.cluster import Cluster, Topic, Trouble
from outbox_core.operations.doctor.step import Finding, Outcome, Result
from tests.doctors import Doctor
from tests.inbox.conftest import execute

ONE, TWO = UUID(int=1), UUID(int=2)
CLUSTER = Cluster(id="here", brokers=())


def stored(**changes: Any) -> Offset:
    values = {"consumer": "crm", "topic": "orders", "partition": 0, "offset": 5}
    return Offset(**{**values, "topic_id": ONE, "cluster_id": "here", **changes})


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (stored(), Outcome.OK),
        (stored(topic_id=None, cluster_id=""), Outcome.OK),
        (stored(cluster_id="there"), Outcome.WARNING),
        (stored(topic_id=TWO), Outcome.WARNING),
        (stored(offset=2), Outcome.WARNING),
        (stored(offset=11), Outcome.WARNING),
    ],
)
def test_a_stored_offset_is_judged_by_what_kafka_has(row: Offset, outcome: Outcome) -> None:
    topics = {"orders": Topic(name="orders", id=str(ONE))}
    said = list(judge([row], CLUSTER, topics, lambda topic: {0: (3, 10)}))
    assert Result.of("offsets", said, 0.0).outcome is outcome


def test_offsets_of_topics_that_are_missing_are_not_asked_for() -> None:
    topics = {"orders": Topic(name="orders", trouble=Trouble.MISSING)}

    def bounds(topic: str) -> Mapping[int, tuple[int, int]]:
        raise AssertionError(topic)

    assert Result.of("offsets", list(judge([stored()], CLUSTER, topics, bounds)), 0.0).outcome is Outcome.OK


def look(name: str) -> Result:
    """What a step to the database finds, on this connection."""
    [step] = [step for step in DatabaseSteps("default").all() if step.name == name]
    return Result.of(name, list(step.look()), 0.0)


def test_a_role_with_the_privileges_of_the_page_has_all_of_them(role: str) -> None:
    assert look("migrations").outcome is Outcome.OK
    assert look("grants").outcome is Outcome.OK


def test_a_missing_grant_is_named(role: str) -> None:
    execute("RESET ROLE", f"REVOKE INSERT, DELETE ON inbox_offset FROM {role}", f"SET ROLE {role}")
    found = look("grants")
    assert found.outcome is Outcome.FAILED
    assert found.findings[0].remedy == f"GRANT INSERT, DELETE ON inbox_offset TO {role};"


def test_a_role_that_may_not_read_the_migrations_is_told_so(role: str) -> None:
    execute("RESET ROLE", f"REVOKE SELECT ON django_migrations FROM {role}", f"SET ROLE {role}")
    assert look("migrations").outcome is Outcome.OK
    assert look("grants").findings[0].remedy == f"GRANT SELECT ON django_migrations TO {role};"


@pytest.mark.django_db
def test_migrations_that_are_missing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'inbox'")
    found = look("migrations")
    assert found.outcome is Outcome.FAILED
    assert "inbox.0001_initial" in found.findings[0].text


@pytest.mark.django_db
def test_tables_that_the_search_path_does_not_find() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = pg_catalog")
        found = look("grants")
    assert found.outcome is Outcome.FAILED
    assert "inbox_offset" in found.findings[0].text


@pytest.mark.django_db
def test_a_database_that_takes_no_writes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
        found = look("database")
    assert found.outcome is Outcome.FAILED
    assert "default_transaction_read_only" in found.findings[0].remedy


@dataclass(frozen=True)
class Ground:
    """A consumer of one topic, on real servers."""

    topic: str
    doctor: Doctor


@pytest.fixture
def ground(
    transactional_db: None, kafka_bootstrap: str, topic: Callable[..., str], settings: Settings
) -> Ground:
    name = topic()
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": [kafka_bootstrap]}}
    settings.INBOX = {"CONSUMERS": {"crm": {"TOPICS": [name], "HANDLERS": ["consumers.crm.handlers"]}}}
    return Ground(name, Doctor("inbox_doctor"))


@pytest.mark.real_kafka
def test_a_way_that_is_open(ground: Ground) -> None:
    steps = ground.doctor("--round-trip", ground.topic, "--even-events").steps
    assert {step["outcome"] for step in steps.values()} <= {"ok", "not used", "warning"}, steps
    assert [steps[name]["outcome"] for name in ("acls", "group crm", "offsets crm", "round-trip")] == [
        "ok"
    ] * 4


@pytest.mark.real_kafka
def test_a_topic_of_events_gets_no_test_record_unless_asked(ground: Ground) -> None:
    assert ground.doctor("--round-trip", ground.topic).outcome("round-trip") == ["failed"]


@pytest.mark.real_kafka
def test_an_offset_behind_the_end_is_a_warning(ground: Ground) -> None:
    Offset.objects.create(consumer="crm", topic=ground.topic, partition=0, offset=1_000)
    assert ground.doctor().outcome("offsets crm") == ["warning"]


@pytest.mark.real_kafka
def test_a_missing_topic(ground: Ground, settings: Settings) -> None:
    settings.INBOX["CONSUMERS"]["crm"]["TOPICS"] = ["test.inbox.doctor.none"]
    settings.INBOX = {**settings.INBOX}
    assert ground.doctor().outcome("topic test.inbox.doctor.none") == ["failed"]


def test_a_consumer_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(CommandError, match="nope") as refusal:
        call_command("inbox_doctor", "nope")
    assert refusal.value.returncode == 2


def test_settings_that_cannot_be_read(settings: Settings) -> None:
    settings.INBOX = {"CONSUMRES": {}}
    outcomes = Doctor("inbox_doctor")().outcome("settings", "database", "dns")
    assert outcomes == ["failed", "not tried", "not tried"]


def test_findings_have_a_remedy() -> None:
    rows = [stored(cluster_id="there"), stored(topic_id=TWO), stored(offset=2), stored(offset=11)]
    topics = {"orders": Topic(name="orders", id=str(ONE))}
    said = [*judge(rows, CLUSTER, topics, lambda topic: {0: (3, 10)})]
    assert [isinstance(each, Finding) and bool(each.remedy) for each in said] == [True] * 4
