"""What a relay's log says: each trouble once, and that nothing is lost; its end, and how long it was."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from outbox.cloudevents import BinaryEncoder, Record
from outbox.models import Hold
from outbox_core.process.clock import boottime
from relay import engine, logs, signals
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.publishers.base import Outcome
from relay.publishers.memory import MemoryPublisher
from relay.states import State
from tests.relay.conftest import Desk, Writer, insert, pause, resume
from tests.torture.trial import SET_ASIDE

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]
Told = Callable[[], list[str]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    """The log so far."""
    before = logs.logger.level
    logs.logger.setLevel(logging.INFO)
    logs.listen()
    yield lambda: [record.getMessage() for record in caplog.records if record.name == "relay"]
    for name in logs.TOLD:
        getattr(signals, name).disconnect(dispatch_uid="relay.logs")
    logs.logger.setLevel(before)


@pytest.fixture
def relay(transactional_db: None) -> Iterator[Callable[..., Relay]]:
    """Makes a relay that is turned by hand."""
    made: list[Relay] = []

    def make(publisher: MemoryPublisher, **settings: float) -> Relay:
        made.append(Relay("default", RelaySettings(**settings), publisher, BinaryEncoder("/test")))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each._leave()


def test_one_trouble_behind_another_lasts_from_the_beginning(told: Told, relay: Callable[..., Relay]) -> None:
    it = relay(MemoryPublisher())
    it._turn()
    it._enter(State.DEGRADED, "Kafka: no leader")
    it._since -= 3600
    it._enter(State.DEGRADED, "PostgreSQL: connection refused")
    it._enter(State.DEGRADED, "Kafka: no leader")
    it._enter(State.PUBLISHING)
    assert told()[-4:] == [
        "Kafka: no leader. Nothing is lost; trying again until it passes.",
        "PostgreSQL: connection refused. Nothing is lost; trying again until it passes.",
        "Kafka: no leader. Nothing is lost; trying again until it passes.",
        "Recovered after 3600.0 s: publishing.",
    ]


class Slow(MemoryPublisher):
    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        time.sleep(0.2)
        return super().publish(records)


def test_a_slow_broker_is_told_once_for_as_long_as_it_is_slow(
    told: Told, relay: Callable[..., Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SLOW_WAVE_SECONDS", 0.05)
    it = relay(Slow(), page_rows=1)
    insert(0, "t", 4)
    began = boottime()
    while it._turn():
        pass
    slow = boottime() - began
    it._turn()
    lines = told()
    assert [line for line in lines if "no acknowledgement" in line] == [
        "Kafka: no acknowledgement for 0 s. Nothing is lost; trying again until it passes."
    ]
    (recovered,) = [line for line in lines if line.startswith("Recovered after")]
    assert 0.5 < float(recovered.split()[2]) <= slow + 1


def test_what_is_held_is_told_with_what_waits_and_so_is_its_end(
    told: Told, desk: Desks, writer: Writers
) -> None:
    office, w = desk(topic_grace_seconds=0), writer()
    office.broker.missing.add("t")
    w.insert("a")
    w.commit()
    office.drain()
    (line,) = told()
    assert ", topic t, key a), and with it all of its topic: " in line
    assert line.endswith(". Nothing is lost, and all else goes on. See outbox_status.")
    found = SET_ASIDE.match(line)
    assert found is not None, "the torture suite looks for this line"
    assert found[1] == "t"
    office.broker.missing.clear()
    Hold.objects.release()
    office.drain()
    assert told()[1].startswith("Nothing waits any more for topic t, after ")


@pytest.mark.parametrize(
    ("policy", "waits", "lifted"),
    [
        ("hold-key", "later events of its key", "key a of topic t"),
        ("skip", "nothing else", "one event of topic t"),
    ],
)
def test_poison_is_told_again_when_it_is_released_in_vain(
    told: Told, desk: Desks, writer: Writers, policy: str, waits: str, lifted: str
) -> None:
    office, w = desk(poison=policy), writer()
    office.broker._max_record_bytes = 0
    w.insert("a")
    w.commit()
    office.drain()
    Hold.objects.release()
    office.drain()
    lines = told()
    assert len(lines) == 2
    assert all(f", and with it {waits}: " in line for line in lines)
    office.broker._max_record_bytes = 1_000_000
    Hold.objects.release()
    office.drain()
    assert told()[2].startswith(f"Nothing waits any more for {lifted}, after ")


def test_poison_that_shows_when_its_topic_is_released_is_told(
    told: Told, desk: Desks, writer: Writers
) -> None:
    office, w = desk(), writer()
    pause("t")
    w.insert("a")
    w.commit()
    office.drain()
    office.broker._max_record_bytes = 0
    resume("t")
    office.drain()
    assert [line for line in told() if ", and with it later events of its key: " in line]
