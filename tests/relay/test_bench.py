"""outbox_bench measures on a topic and rows of its own, and removes both."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from kafka import KafkaConsumer

from outbox.models import OutboxEvent, Relay
from relay.bench.figures import Delays, Rate
from relay.bench.load import Load, number_of
from relay.publishers.kafka_python.own_topic import OwnTopic
from tests.relay.conftest import Writer

SMALL = {"events": 1_500, "rate": 40.0, "seconds": 0.5, "partitions": 2, "timeout": 120.0}
Writers = Callable[[], Writer]


def bench(**options: Any) -> str:
    out = StringIO()
    call_command("outbox_bench", stdout=out, stderr=StringIO(), **{**SMALL, **options})
    return out.getvalue()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the topics that a benchmark has made."""
    names = list[str]()
    create = OwnTopic.create

    def noted(self: OwnTopic, partitions: int) -> None:
        names.append(self.name)
        create(self, partitions)

    monkeypatch.setattr(OwnTopic, "create", noted)
    return names


@pytest.mark.django_db(transaction=True)
class TestABenchmark:
    @pytest.fixture(autouse=True)
    def nobody_has_emitted(self, transactional_db: None) -> None:
        OutboxEvent.objects.all().delete()

    def test_prints_its_figures_and_leaves_nothing(self, made: list[str], kafka_bootstrap: str) -> None:
        before = OutboxEvent.objects.count()
        figures = json.loads(bench(json=True))
        assert figures["events"] == 1_500
        assert figures["drain"]["events"] > 0
        assert 0 < figures["arrival"]["p50"] <= figures["arrival"]["longest"]
        assert OutboxEvent.objects.count() == before
        assert not set(made) & topics(kafka_bootstrap)

    def test_that_does_not_end_in_time_leaves_nothing_either(
        self, made: list[str], kafka_bootstrap: str
    ) -> None:
        with pytest.raises(CommandError, match=r"After 0.5 s .* removed"):
            bench(timeout=0.5, seconds=60.0)
        assert not OutboxEvent.objects.filter(topic__in=made).exists()
        assert not set(made) & topics(kafka_bootstrap)

    def test_is_refused_while_a_relay_is_alive(self, made: list[str]) -> None:
        Relay.objects.create(id=uuid4(), host="here", pid=1, state="publishing")
        with pytest.raises(CommandError, match=r"in use: a relay is alive.*--despite-traffic") as caught:
            bench()
        assert (caught.value.returncode, made) == (2, [])

    def test_is_refused_while_events_wait(self, made: list[str], writer: Writers) -> None:
        w = writer()
        w.insert("a", 3)
        w.commit()
        with pytest.raises(CommandError, match="3 events wait to be published, an event was emitted"):
            bench()
        assert made == []


def test_a_benchmark_has_bounds() -> None:
    with pytest.raises(CommandError, match="2,000,000 is more than 1,000,000"):
        call_command("outbox_bench", "--events", "2000000")


def test_an_event_has_the_size_that_was_asked_for_and_its_number() -> None:
    payload = Load("t", 500, 10).row(17).payload
    assert payload is not None
    assert (len(payload), number_of(b'{"data":' + payload), json.loads(payload)["number"]) == (500, 17, 17)


def test_figures_are_of_events_and_milliseconds() -> None:
    assert Delays.of([0.001, 0.002, 0.003]) == Delays(2.0, 2.9, 2.98, 3.0)
    assert Rate.of(1_000, 2.0, 0.5) == Rate(500, 500.0)


def topics(bootstrap: str) -> set[str]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    try:
        return set(consumer.topics())
    finally:
        consumer.close()
