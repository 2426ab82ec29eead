"""outbox_doctor names the step at which a relay would stand still, on real databases."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from devstack import ports
from outbox_core.operations.doctor.report import MARKS
from relay.doctor.log import LogSteps
from relay.publishers.memory import MemoryPublisher
from tests.doctors import Doctor
from tests.relay.clusters import Place
from tests.relay.places import SEQUENCE, drained, emit, granted, place, template

__all__ = ["place", "template"]
pytestmark = pytest.mark.django_db(transaction=True)


class Own(MemoryPublisher):
    """A publisher that speaks to something else."""

    connects = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.available = self.connects


@pytest.fixture
def doctor(settings: Settings) -> Doctor:
    """Nothing listens where Kafka should be, so that only the database is examined."""
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": ["127.0.0.1:1"]}}
    return Doctor("outbox_doctor")


DATABASE = ("database", "migrations", "grants", "log", "sequence", "history", "clock")


def test_a_database_that_is_well(place: Place, doctor: Doctor) -> None:
    with place.is_default(user=granted(place)):
        doctor()
    assert set(doctor.outcome("settings", "checks", *DATABASE)) == {"ok"}


@pytest.fixture
def nowhere() -> Iterator[int]:
    port = ports.reserve()
    yield int(port)
    port.release()


def test_a_database_that_does_not_answer(place: Place, doctor: Doctor, nowhere: int) -> None:
    with place.is_default(port=nowhere):
        doctor()
    assert doctor.code == 2
    assert doctor.outcome(*DATABASE) == ["failed", *["not tried"] * 6]


def test_an_alias_that_does_not_exist(doctor: Doctor) -> None:
    assert doctor("--database", "nope").outcome("database") == ["failed"]


def test_a_database_without_migrations(place: Place, doctor: Doctor) -> None:
    empty = Place(place.server, f"{place.name}_empty")
    place.server.create_database(empty.name)
    try:
        with empty.is_default():
            doctor()
    finally:
        Place(place.server, "postgres").execute(f"DROP DATABASE {empty.name} WITH (FORCE)")
    assert doctor.outcome("migrations", "grants", "sequence") == ["failed", "not tried", "not tried"]
    assert "migrate outbox --database default" in doctor.remedies("migrations")


def test_a_missing_grant_is_named(place: Place, doctor: Doctor) -> None:
    role = granted(place)
    place.execute(f"REVOKE INSERT ON outbox_checkpoint FROM {role}")
    with place.is_default(user=role):
        doctor()
    assert doctor.outcome("grants", "log", "clock") == ["failed", "not tried", "ok"]
    assert doctor.remedies("grants") == f"GRANT INSERT ON outbox_checkpoint TO {role};"


@pytest.mark.parametrize(
    ("damage", "step", "outcome", "remedy"),
    [
        (f"ALTER SEQUENCE {SEQUENCE} CACHE 20", "sequence", "failed", "CACHE 1"),
        (f"SELECT setval('{SEQUENCE}', 1, false)", "sequence", "failed", "setval"),
        ("DROP INDEX outbox_event_xid", "log", "failed", "CREATE INDEX"),
        ("ALTER TABLE outbox_event ALTER created_at DROP DEFAULT", "log", "warning", "SET DEFAULT"),
    ],
)
def test_a_damaged_log(
    place: Place, doctor: Doctor, damage: str, step: str, outcome: str, remedy: str
) -> None:
    place.execute(
        "INSERT INTO outbox_event (bucket, topic, key, type, content_type, event_id, headers, source) "
        "VALUES (0, 't', 'k', 'x', 'application/json', gen_random_uuid(), '{}', '/s')",
        damage,
    )
    with place.is_default(user=granted(place)):
        doctor()
    assert doctor.outcome(step) == [outcome]
    assert remedy in doctor.remedies(step)


def test_positions_of_another_database(place: Place, doctor: Doctor) -> None:
    copy = Place(place.server, f"{place.name}_copy")
    with place.is_default():
        emit("a")
        assert drained() == ["a"]
    copy.restore(place.dump())
    try:
        with copy.is_default():
            doctor()
    finally:
        Place(place.server, "postgres").execute(f"DROP DATABASE {copy.name} WITH (FORCE)")
    assert doctor.outcome("log", "history") == ["ok", "failed"]
    assert "outbox_rebase" in doctor.remedies("history")


def test_a_clock_that_differs(monkeypatch: pytest.MonkeyPatch, place: Place, doctor: Doctor) -> None:
    monkeypatch.setattr("outbox_core.operations.doctor.postgresql.time.time", lambda: 0.0)
    with place.is_default():
        doctor()
    assert doctor.outcome("clock") == ["warning"]


@pytest.mark.real_kafka
def test_the_whole_way_is_printed_for_a_terminal(
    place: Place, settings: Settings, kafka_bootstrap: str
) -> None:
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": [kafka_bootstrap]}}
    out = StringIO()
    with place.is_default(user=granted(place)), pytest.raises(SystemExit) as end:
        call_command("outbox_doctor", stdout=out)
    rows = out.getvalue().splitlines()
    assert end.value.code in (0, 1), rows
    assert max(map(len, rows)) <= 80
    named = [row.split()[1] for row in rows if row[:1] in MARKS.values()]
    steps = ["settings", "checks", *DATABASE, "dns", "tcp", "tls", "login", "brokers", "acls"]
    assert named[: len(steps)] == steps
    assert set(named[len(steps) :]) == {"topic"}


def test_settings_that_cannot_be_read(settings: Settings) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "SUORCE": "/x"}
    doctor = Doctor("outbox_doctor")()
    assert doctor.code == 2
    assert doctor.outcome("settings", "checks") == ["failed", "failed"]
    assert doctor.outcome("database", "dns") == ["not tried", "not tried"]


def test_a_publisher_of_the_users_own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RELAY = {"KAFKA": {"BACKEND": f"{__name__}.Own"}}
    doctor = Doctor("outbox_doctor")("--round-trip", "scratch")
    assert doctor.outcome("settings", "publisher", "round-trip") == ["ok", "ok", "ok"]
    assert "login" not in doctor.steps
    monkeypatch.setattr(Own, "connects", False)
    doctor("--round-trip", "scratch")
    assert doctor.outcome("publisher", "round-trip") == ["failed", "not tried"]


def test_the_doctor_leaves_no_session_behind(place: Place) -> None:
    with place.is_default():
        way = LogSteps("default")
        list(next(iter(way.all())).look())
        assert way._session is not None
        way.close()
        assert way._session.connection.closed


def test_a_password_is_never_printed(place: Place, settings: Settings) -> None:
    word = secrets.token_hex(8)
    options = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
    options |= {"sasl_plain_username": "relay", "sasl_plain_password": word}
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": ["127.0.0.1:1"], **options}}
    out = StringIO()
    with place.is_default(), pytest.raises(SystemExit):
        call_command("outbox_doctor", stdout=out)
    assert word not in out.getvalue()
