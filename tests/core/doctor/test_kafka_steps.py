"""The way to Kafka, with a cluster in memory behind a real port."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pytest

from outbox_core.address import Address
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.cluster import Topic
from outbox_core.operations.doctor.kafka import SETTINGS, KafkaSteps
from outbox_core.operations.doctor.round_trip import ends, read_back, round_trip
from outbox_core.operations.doctor.step import Finding, Note, Outcome, Result, Step, failed
from outbox_core.operations.doctor.topics import Needs
from outbox_core.operations.doctor.walk import walk
from outbox_core.wire.encode import Record
from tests.core.doctor.clusters import MemoryInspector

CLOSED = Address("127.0.0.1", 1)


class Silent(MemoryInspector):
    """It does not say anything about topics."""

    asked = 0

    def topics(self, names: Collection[str]) -> list[Topic]:
        self.asked += 1
        raise KafkaUnreachable("no answer")


def walked(inspector: MemoryInspector, address: Address, **options: Any) -> dict[str, Result]:
    given = {"bootstrap_servers": [str(address)], **options}
    way = KafkaSteps(lambda: given, lambda: inspector, {})
    results = list(walk([Step(name=SETTINGS, look=lambda: iter(())), *way.all()]))
    way.close()
    return {result.name: result for result in results}


def test_a_broker_that_advertises_an_address_that_is_closed(listener: Address) -> None:
    found = walked(MemoryInspector(brokers=(listener, CLOSED)), listener)
    assert (found["tcp"].outcome, found["brokers"].outcome) == (Outcome.OK, Outcome.FAILED)
    assert "advertised.listeners" in found["brokers"].findings[0].remedy


def test_the_connections_are_given_up(listener: Address) -> None:
    inspector = MemoryInspector(brokers=(listener,))
    walked(inspector, listener)
    assert inspector.closed


def test_a_host_name_does_not_decide_the_remedy(listener: Address) -> None:
    host = Address("localhost", listener.port)
    reason = f"no bootstrap from {host}"
    said = walked(MemoryInspector(reason=reason), host, security_protocol="SASL_PLAINTEXT")["login"]
    assert said.outcome is Outcome.FAILED
    assert "sasl_mechanism" in said.findings[0].remedy


def test_a_reason_is_shown_without_the_password(listener: Address) -> None:
    options = {"security_protocol": "SASL_PLAINTEXT", "sasl_plain_password": "hunter2"}
    found = walked(MemoryInspector(reason="refused hunter2"), listener, **options)["login"]
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("option", ["sasl_plain_password", "ssl.key.pem", "sasl.oauthbearer.config"])
def test_no_step_shows_a_secret(listener: Address, option: str) -> None:
    def look() -> Iterator[Note]:
        yield "the fact s3cr3t"
        yield failed("the text s3cr3t", "the remedy s3cr3t")
        raise KafkaUnreachable("the error s3cr3t")

    given = {"bootstrap_servers": [str(listener)], option: "s3cr3t"}
    way = KafkaSteps(lambda: given, MemoryInspector, {})
    [found] = walk([Step(name="step", look=lambda: way.without_secrets(look))])
    assert (found.outcome, len(found.findings)) == (Outcome.FAILED, 2)
    assert "s3cr3t" not in repr(found)


def test_topics_that_are_not_told_are_asked_for_once(listener: Address) -> None:
    inspector = Silent(brokers=(listener,))
    given = {"bootstrap_servers": [str(listener)]}
    way = KafkaSteps(
        lambda: given, lambda: inspector, dict.fromkeys("abc", Needs(operations=("READ",), writes=False))
    )
    results = list(walk([Step(name=SETTINGS, look=lambda: iter(())), *way.all()]))
    assert [r.outcome for r in results if r.name.startswith("topic")] == [Outcome.FAILED] * 3
    assert inspector.asked == 1


@pytest.mark.parametrize("option", ["proxy_url", "socks5_proxy"])
def test_behind_a_proxy_only_the_client_can_look(option: str) -> None:
    found = walked(MemoryInspector(brokers=(CLOSED,)), CLOSED, **{option: "http://proxy:3128"})
    outcomes = [found[name].outcome for name in ("dns", "tcp", "tls", "login", "brokers")]
    assert outcomes == [*[Outcome.NOT_USED] * 3, Outcome.OK, Outcome.NOT_USED]


APPENDED = {"t": Topic(name="t", configs={"message.timestamp.type": "LogAppendTime"})}


@pytest.mark.parametrize(
    ("inspector", "outcome"),
    [
        (MemoryInspector(known=APPENDED, records={b"k": 0.0}), Outcome.OK),
        (MemoryInspector(known=APPENDED, records={b"k": -3_600.0}), Outcome.WARNING),
        (MemoryInspector(records={b"k": -3_600.0}), Outcome.OK),
        (MemoryInspector(), Outcome.FAILED),
        (MemoryInspector(reason="forbidden"), Outcome.OK),
    ],
    ids=["clock agrees", "clock differs", "time of the writer", "not there", "forbidden"],
)
def test_what_reading_back_shows(inspector: MemoryInspector, outcome: Outcome) -> None:
    said = read_back(inspector, "t", ends(inspector, "t"), b"k")
    assert Result.of("round-trip", list(said), 0.0).outcome is outcome


RECORD = Record("t", b"k", b"{}", [])


def test_a_topic_of_events_gets_no_test_record() -> None:
    said = list(
        round_trip(
            RECORD, lambda record: pytest.fail("written"), MemoryInspector(known=APPENDED), events={"t"}
        )
    )
    assert Result.of("round-trip", said, 0.0).outcome is Outcome.FAILED
    assert isinstance(said[0], Finding)
    assert "--even-events" in said[0].remedy


def test_a_record_that_is_not_acknowledged_is_not_looked_for() -> None:
    def write(record: Record) -> None:
        raise KafkaUnreachable("too late")

    said = list(round_trip(RECORD, write, MemoryInspector(known=APPENDED, records={b"k": 0.0})))
    assert [isinstance(each, Finding) and "too late" in each.text for each in said] == [True]


def test_without_an_inspector_the_acknowledgement_is_all() -> None:
    written: list[Record] = []
    said = list(round_trip(RECORD, written.append, None))
    assert (written, len(said), Result.of("", said, 0.0).outcome) == ([RECORD], 1, Outcome.OK)
