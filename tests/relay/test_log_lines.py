"""What a relay's log says: each trouble once, and that nothing is lost; its end, and how long it was."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from outbox.models import Hold
from outbox_core.process import reasons
from outbox_core.process.clock import boottime
from outbox_core.wire.encode import BinaryEncoder, Record
from relay import engine, log_lines, signals
from relay.condition import Cause, State
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.publishers.base import Outcome
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import Desk, Writer, insert, pause, resume
from tests.torture.trial import HELD

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
Told = Callable[[], list[str]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    """The log so far."""
    before = log_lines.logger.level
    log_lines.logger.setLevel(logging.INFO)
    log_lines.listen()
    yield lambda: [record.getMessage() for record in caplog.records if record.name == "relay"]
    for name in log_lines.RECEIVERS:
        getattr(signals, name).disconnect(dispatch_uid="relay.log_lines")
    log_lines.logger.setLevel(before)


@pytest.fixture
def relay(transactional_db: None) -> Iterator[Callable[..., Relay]]:
    """Makes a relay that is turned by hand."""
    made: list[Relay] = []

    def make(publisher: MemoryPublisher, **settings: float) -> Relay:
        made.append(Relay("default", RelaySettings(**settings), publisher, BinaryEncoder("/test")))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.leave()


def test_one_trouble_behind_another_lasts_from_the_beginning(told: Told, relay: Callable[..., Relay]) -> None:
    it = relay(MemoryPublisher())
    it.turn()
    it.condition.enter(State.DEGRADED, Cause.KAFKA, "no leader")
    it.condition._since -= 3600
    it.condition.enter(State.DEGRADED, Cause.POSTGRESQL, "connection refused")
    it.condition.enter(State.DEGRADED, Cause.KAFKA, "no leader")
    it.condition.enter(State.PUBLISHING)
    assert told()[-4:] == [
        "Kafka: no leader. Nothing is lost; retrying.",
        "PostgreSQL: connection refused. Nothing is lost; retrying.",
        "Kafka: no leader. Nothing is lost; retrying.",
        "Recovered after 3600.0 s: publishing.",
    ]


def test_the_first_line_says_where_it_publishes(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    signals.started.send(Relay, database="default", kafka="Kafka at one:1 (no login, PLAINTEXT)")
    record = next(each for each in caplog.records if getattr(each, "action", "") == "relay.started")
    assert vars(record)["database"] == "default"
    assert "one:1" in vars(record)["kafka"]


class Slow(MemoryPublisher):
    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        time.sleep(0.2)
        return super().publish(records)


def test_another_reason_of_an_outage_is_told_once_if_it_lasts(
    told: Told, relay: Callable[..., Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = relay(MemoryPublisher())
    it.turn()
    it.condition.enter(State.DEGRADED, Cause.POSTGRESQL, "connection closed after 3 s")
    for _ in range(2):
        it.condition.enter(State.DEGRADED, Cause.POSTGRESQL, "wrong password")
        it.condition.enter(State.DEGRADED, Cause.POSTGRESQL, "connection closed after 4 s")
    assert not [line for line in told() if "password" in line]
    monkeypatch.setattr(reasons, "LASTING_SECONDS", 0.0)
    for _ in range(3):
        it.condition.enter(State.DEGRADED, Cause.POSTGRESQL, "wrong password")
    told_reasons = [line for line in told() if "retrying" in line]
    assert len(told_reasons) == 2
    assert "PostgreSQL: wrong password." in told_reasons[1]


def test_a_slow_broker_is_told_once_for_as_long_as_it_is_slow(
    told: Told, relay: Callable[..., Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SLOW_WAVE_SECONDS", 0.05)
    it = relay(Slow(), page_rows=1)
    insert(0, "t", 4)
    began = boottime()
    while it.turn():
        pass
    slow = boottime() - began
    it.turn()
    lines = told()
    (degraded,) = [line for line in lines if line.startswith("Kafka: no acknowledgement for ")]
    assert degraded.endswith("Nothing is lost; retrying.")
    (recovered,) = [line for line in lines if line.startswith("Recovered after")]
    assert 0.5 < float(recovered.split()[2]) <= slow + 1


class Refused(Slow):
    trouble = "Kafka does not answer: wrong password."


def test_a_wave_that_waits_has_the_reason_that_the_client_knows(
    told: Told, relay: Callable[..., Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SLOW_WAVE_SECONDS", 0.05)
    it = relay(Refused())
    insert(0, "t", 1)
    it.turn()
    assert "Kafka: Kafka does not answer: wrong password. Nothing is lost; retrying." in told()


def hold_lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    """Action, level and scope of the lines about holds."""
    return [(r.action, r.levelno, r.scope) for r in caplog.records if hasattr(r, "scope")]  # type: ignore[attr-defined]


def test_a_topic_is_reported_as_an_error_once_its_grace_is_over(
    told: Told, desk: Desks, writer: Writers, caplog: pytest.LogCaptureFixture
) -> None:
    office, w = desk(topic_grace_seconds=60.0), writer()
    office.broker.missing.add("t")
    w.insert("a")
    w.commit()
    office.drain()
    Hold.objects.release()
    office.drain()
    made = ("relay.hold_made", logging.INFO, "topic")
    assert hold_lines(caplog) == [made]
    for _ in range(2):
        Hold.objects.update(created_at=Now() - timedelta(seconds=61), release_at=Now())
        office.drain()
    assert hold_lines(caplog) == [made, ("relay.hold_made", logging.ERROR, "topic")]
    line = caplog.records[-1]
    found = HELD.search(f"2026-01-01 00:00:00,000 {line.levelname:7} relay: {line.getMessage()}")
    assert found is not None, "the torture suite looks for this line"
    assert found[1] == "t"
    office.broker.missing.clear()
    Hold.objects.release()
    office.drain()
    assert hold_lines(caplog)[-1] == ("relay.hold_released", logging.INFO, "topic")


def test_without_a_grace_a_topic_is_an_error_at_once(
    told: Told, desk: Desks, writer: Writers, caplog: pytest.LogCaptureFixture
) -> None:
    office, w = desk(topic_grace_seconds=0), writer()
    office.broker.missing.add("t")
    w.insert("a")
    w.commit()
    office.drain()
    assert hold_lines(caplog) == [("relay.hold_made", logging.ERROR, "topic")]


@pytest.mark.parametrize(("policy", "scope"), [("hold-key", "key"), ("skip", "event")])
def test_poison_is_reported_again_when_it_is_released_in_vain(
    told: Told, desk: Desks, writer: Writers, policy: str, scope: str, caplog: pytest.LogCaptureFixture
) -> None:
    office, w = desk(poison=policy), writer()
    office.broker._max_record_bytes = 0
    w.insert("a")
    w.commit()
    office.drain()
    Hold.objects.release()
    office.drain()
    made = ("relay.hold_made", logging.ERROR, scope)
    assert hold_lines(caplog) == [made, made]
    line = caplog.records[-1]
    found = HELD.search(f"2026-01-01 00:00:00,000 {line.levelname:7} relay: {line.getMessage()}")
    assert found is not None
    assert found[2] == "t"
    office.broker._max_record_bytes = 1_000_000
    Hold.objects.release()
    office.drain()
    assert hold_lines(caplog)[-1] == ("relay.hold_released", logging.INFO, scope)


def test_poison_that_shows_when_its_topic_is_released_is_reported(
    told: Told, desk: Desks, writer: Writers, caplog: pytest.LogCaptureFixture
) -> None:
    office, w = desk(), writer()
    pause("t")
    w.insert("a")
    w.commit()
    office.drain()
    office.broker._max_record_bytes = 0
    resume("t")
    office.drain()
    assert ("relay.hold_made", logging.ERROR, "key") in hold_lines(caplog)


def test_what_needs_a_person_is_an_error(
    told: Told, relay: Callable[..., Relay], caplog: pytest.LogCaptureFixture
) -> None:
    it = relay(MemoryPublisher())
    it.condition.enter(State.DEGRADED, Cause.POSITION, "Shard 0 was restored. Run `manage.py outbox_rebase`.")
    line = caplog.records[-1]
    assert (line.action, line.levelno, line.cause) == ("relay.refused", logging.ERROR, "Position")  # type: ignore[attr-defined]
    assert "retrying" not in line.getMessage()
