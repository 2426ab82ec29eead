"""What a relay counts of itself: per wave, with the outage that it is in and the leases that it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from outbox.models import Hold
from outbox_core.metrics.prometheus import Metrics
from outbox_core.wire.encode import BinaryEncoder
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.metrics import RelayMetrics
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import insert
from tests.scraping import value
from tests.waiting import wait_until

SECONDS = 20.0
"""How long anything here may take on a machine that is busy."""


class Measured:
    """A relay that is turned by hand, and what it counted."""

    def __init__(self) -> None:
        self.broker = MemoryPublisher()
        settings = RelaySettings(backoff_seconds=0.01, topic_grace_seconds=0.0)
        self.relay = Relay("default", settings, self.broker, BinaryEncoder("/test"))
        self._metrics = Metrics()
        self._counted = RelayMetrics(self.relay, self._metrics)
        self._counted.listen()

    def drain(self) -> None:
        while self.relay.turn():
            pass

    def turn_until(self, series: str, value: float) -> None:
        """Turn until a series has this value."""

        def turned() -> bool:
            self.relay.turn()
            return self[series] == value

        wait_until(turned, SECONDS, f"{series} is {value}")

    def __getitem__(self, series: str) -> float:
        found = value(self._metrics.text().decode(), series)
        assert found is not None, series
        return found

    def close(self) -> None:
        self._counted.stop()
        self.relay.leave()


@pytest.fixture
def measured(transactional_db: None) -> Iterator[Measured]:
    with closing(Measured()) as measured:
        yield measured


def test_waves_are_counted_with_their_time(measured: Measured) -> None:
    insert(0, "t", 30)
    measured.drain()
    assert measured["outbox_relay_published_events_total"] == 30
    assert measured["outbox_relay_published_bytes_total"] == sum(
        len(record.value or b"") for record in measured.broker.records
    )
    assert measured["outbox_relay_wave_events_sum"] == 30
    for name in ("wave", "latency", "checkpoint"):
        assert (
            measured[f"outbox_relay_{name}_seconds_count"] == measured["outbox_relay_wave_events_count"] > 0
        )
    assert 0 < measured["outbox_relay_latency_seconds_sum"] < 60
    assert measured["outbox_relay_poll_seconds_count"] > 0
    assert measured["outbox_relay_held_events_total"] == 0


def test_state_shards_and_leases_are_those_of_now(measured: Measured) -> None:
    assert measured['outbox_relay_state{state="starting"}'] == 1
    measured.drain()
    assert measured['outbox_relay_state{state="publishing"}'] == 1
    assert measured['outbox_relay_state{state="starting"}'] == 0
    assert (measured["outbox_relay_shards"], measured["outbox_relay_shards_acquired_total"]) == (1, 1)
    assert 0 < measured["outbox_relay_lease_remaining_seconds"] <= 5
    measured.relay.leave()
    assert (measured["outbox_relay_shards"], measured["outbox_relay_shards_lost_total"]) == (0, 1)


def test_an_outage_is_counted_once_and_shown_while_it_lasts(measured: Measured) -> None:
    insert(0, "t")
    measured.broker.available = False
    for _ in range(3):
        measured.relay.turn()
    assert measured['outbox_relay_outages_total{cause="kafka"}'] == 1
    assert measured['outbox_relay_outage{cause="kafka"}'] == 1
    assert measured['outbox_relay_outage{cause="postgresql"}'] == 0
    measured.broker.available = True
    measured.turn_until('outbox_relay_outage{cause="kafka"}', 0)
    assert measured["outbox_relay_published_events_total"] == 1


def test_holds_and_what_is_published_from_them_are_counted(measured: Measured) -> None:
    measured.broker.missing.add("t")
    insert(0, "t", 3)
    measured.drain()
    assert measured['outbox_relay_holds_made_total{scope="topic"}'] == 1
    assert measured["outbox_relay_held_events_total"] == 3
    assert measured["outbox_relay_published_events_total"] == 0
    measured.broker.missing.clear()
    Hold.objects.release()
    measured.turn_until('outbox_relay_holds_released_total{scope="topic"}', 1)
    assert measured["outbox_relay_published_events_total"] == 3


def test_it_is_ready_when_it_owns_or_stands_by_and_kafka_has_answered(measured: Measured) -> None:
    assert measured.relay.unready()
    measured.broker.available = False
    measured.drain()
    assert "Kafka" in measured.relay.unready()
    measured.broker.available = True
    wait_until(lambda: not measured.relay.unready(), SECONDS, "Kafka was asked again, without a wave")
    assert measured.broker.records == []
