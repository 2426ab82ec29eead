"""What a consumer counts of itself, and what its database and Kafka say of it, each without the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Barrier

import pytest
from django.utils import timezone

from inbox import Event
from inbox.conf import ConsumerSettings, settings
from inbox.metrics import LAG, Figures, of_lag
from inbox.process_metrics import ConsumerMetrics
from inbox.status.lag import Lag
from inbox.testing import MemoryConsumer
from outbox_core.metrics.prometheus import Metrics
from tests.inbox.conftest import Effects, raising, send_steps
from tests.scraping import value

Consumers = Callable[..., MemoryConsumer]
TEST = 'consumer="test"'


class Measured:
    """A consumer of memory and what it counted."""

    def __init__(self, consumer: MemoryConsumer) -> None:
        self.consumer = consumer
        self._metrics = Metrics()
        self.counted = ConsumerMetrics(consumer.consumer, ["test.step"], self._metrics)
        self.counted.listen()

    def __getitem__(self, series: str) -> float:
        found = value(self.text(), series)
        assert found is not None, series
        return found

    def text(self) -> str:
        return self._metrics.text().decode()


@pytest.fixture
def measured(consumer: MemoryConsumer) -> Iterator[Measured]:
    measured = Measured(consumer)
    yield measured
    measured.counted.stop()


def test_batches_and_the_time_of_handlers_are_counted(measured: Measured) -> None:
    send_steps(measured.consumer, "a", 1, 2, 3)
    measured.consumer.poll()
    step = f'{{{TEST},type="test.step"}}'
    assert measured[f"inbox_consumer_handled_events_total{{{TEST}}}"] == 3
    assert measured[f"inbox_consumer_handler_seconds_count{step}"] == 3
    assert measured[f"inbox_consumer_batch_events_sum{{{TEST}}}"] == 3
    assert measured[f"inbox_consumer_batch_seconds_count{{{TEST}}}"] == 1
    assert measured[f'inbox_consumer_outage{{{TEST},what="Kafka"}}'] == 0


def test_a_handler_that_fails_is_counted_by_its_error(measured: Measured, effects: Effects) -> None:
    effects.fails["no"] = raising(ZeroDivisionError("secret"))
    send_steps(measured.consumer, "a", 1, fail="no")
    send_steps(measured.consumer, "b", 1, 2)
    measured.consumer.poll()
    failure = 'error="ZeroDivisionError",type="test.step"'
    assert measured[f"inbox_consumer_handler_failures_total{{{TEST},{failure}}}"] > 0
    assert measured[f"inbox_consumer_batches_rolled_back_total{{{TEST}}}"] == 1
    assert measured[f"inbox_consumer_retries_scheduled_total{{{TEST}}}"] == 1
    assert measured[f"inbox_consumer_handled_events_total{{{TEST}}}"] == 2
    assert "secret" not in measured.text()


def test_a_type_from_the_wire_is_no_label(consume: Consumers, effects: Effects) -> None:
    def anything(event: Event) -> None:
        """Take every type."""

    effects.registry.handler("*")(anything)
    measured = Measured(consume())
    try:
        measured.consumer.send("evil.type.4711", {}, key="a")
        measured.consumer.poll()
    finally:
        measured.counted.stop()
    assert measured[f'inbox_consumer_handler_seconds_count{{{TEST},type="other"}}'] == 1
    assert "4711" not in measured.text()


def test_an_outage_is_counted_once_and_shown_while_it_lasts(measured: Measured) -> None:
    kafka = f'{{{TEST},what="Kafka"}}'
    measured.consumer.source.outage = "no broker"
    measured.consumer.poll()
    measured.consumer.poll()
    assert measured[f"inbox_consumer_outage{kafka}"] == 1
    assert "no broker" in measured.consumer.consumer.unready()
    measured.consumer.source.outage = ""
    measured.consumer.poll()
    assert measured[f"inbox_consumer_outage{kafka}"] == 0
    assert measured[f"inbox_consumer_outages_total{kafka}"] == 1
    assert measured.consumer.consumer.unready() == ""


def series(figures: Figures) -> dict[str, float]:
    return {sample.metric.name: sample.value for sample in figures.samples()}


@pytest.mark.django_db(transaction=True)
def test_held_events_are_known_while_kafka_is_away() -> None:
    consumer = ConsumerSettings(name="test", topics=("test",), handlers=("consumers.crm.handlers",))
    figures = Figures(settings(), [consumer])
    figures._question.lag = lambda *_: Lag(reason="Kafka does not answer")  # type: ignore[method-assign]
    known = series(figures)
    assert (known["inbox_up"], known["inbox_lag_up"]) == (1, 0)
    assert (known["inbox_held_events"], known["inbox_consumers_alive"]) == (0, 0)
    assert not {"inbox_lag_events", "inbox_lag_seconds"} & known.keys()


@pytest.mark.django_db(transaction=True)
def test_kafka_is_asked_about_all_consumers_at_the_same_time() -> None:
    """A scrape has no time to ask for one after the other."""
    consumers = [ConsumerSettings(name=name, topics=("t",), handlers=("none",)) for name in ("a", "b", "c")]
    figures = Figures(settings(), consumers)
    all_ask = Barrier(len(consumers))

    figures._question.lag = lambda *_: Lag(records=7 + all_ask.wait(2) * 0)  # type: ignore[method-assign]
    assert [each.value for each in figures.samples() if each.metric is LAG] == [7, 7, 7]


def test_the_lag_has_an_age_as_far_as_it_is_known() -> None:
    def of(lag: Lag) -> dict[str, float]:
        return {sample.metric.name: sample.value for sample in of_lag("crm", lag)}

    assert of(Lag(0)) == {
        "inbox_lag_up": 1,
        "inbox_lag_events": 0,
        "inbox_lag_seconds": 0,
        "inbox_group_strangers": 0,
    }
    assert of(Lag(7, strangers=2))["inbox_group_strangers"] == 2
    assert "inbox_group_strangers" not in of(Lag())
    behind = of(Lag(7, timezone.now() - timedelta(seconds=90)))
    assert (behind["inbox_lag_events"], 90 <= behind["inbox_lag_seconds"] < 100) == (7, True)
    assert "inbox_lag_seconds" not in of(Lag(7))  # the oldest record cannot be decoded
