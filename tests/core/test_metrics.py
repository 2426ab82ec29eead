"""Metrics are named after the conventions of Prometheus, and a scrape ends whatever it asks for."""

from __future__ import annotations

import re
import threading
import time

import prometheus_client
import pytest

import inbox.metrics
import inbox.process_metrics
import outbox.metrics
import relay.metrics
from outbox_core.metrics.background import Background
from outbox_core.metrics.declared import PROGRESS_AGE, Kind, Metric, Sample, counter, gauge, histogram
from outbox_core.metrics.prometheus import Collector, Metrics

DECLARED = [
    PROGRESS_AGE,
    *(*outbox.metrics.METRICS, *relay.metrics.METRICS),
    *(*inbox.metrics.METRICS, *inbox.process_metrics.METRICS),
]
LABELS = {
    *("database", "shard", "state", "reason", "topic", "scope", "cause"),
    *("consumer", "type", "error", "what"),
}
"""All of them are named by code or configuration: no key, no id, nothing that a user writes."""
UNITS = ("seconds", "bytes", "events", "records")


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_names_and_labels_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"(outbox|inbox)_[a-z][a-z_]*[a-z]", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert set(metric.labels) <= LABELS
    assert metric.help.endswith(".")
    if metric.kind is Kind.HISTOGRAM:
        assert metric.name.endswith(UNITS)
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_a_name_means_one_metric() -> None:
    names = [metric.name for metric in DECLARED]
    assert len(names) == len(set(names))


def test_what_a_process_counts_is_in_its_text() -> None:
    events, now = counter("events_total", "Events.", "type"), gauge("now", "Now.")
    seconds, lag = histogram("seconds", "Seconds.", (1.0, 2.0)), gauge("lag", "Lag.", "of")
    metrics = Metrics()
    metrics.declare([events, seconds])
    metrics.add(events, 2, "a")
    metrics.add(events, 1, "a")
    metrics.observe(seconds, 1.5)
    metrics.read(lambda: [Sample(now, 5), Sample(lag, 7, ('"x"\n',))], [now, lag])
    lines = metrics.text().decode().splitlines()
    assert {'events_total{type="a"} 3.0', "now 5.0", 'lag{of="\\"x\\"\\n"} 7.0'} <= set(lines)
    assert {'seconds_bucket{le="1.0"} 0.0', 'seconds_bucket{le="2.0"} 1.0', "seconds_sum 1.5"} <= set(lines)
    assert not [line for line in lines if "_created" in line]


def test_a_collector_is_read_when_it_is_scraped_and_not_before() -> None:
    reads: list[float] = []
    lag = gauge("lag", "Lag.")

    def read() -> list[Sample]:
        reads.append(len(reads))
        return [Sample(lag, len(reads))]

    registry = prometheus_client.CollectorRegistry(auto_describe=True)
    registry.register(Collector(read, [lag]))
    assert reads == []
    assert [registry.get_sample_value("lag") for _ in range(2)] == [1.0, 2.0]
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(Collector(read, [lag]))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_just_read_is_not_read_again() -> None:
    clock, reads = Clock(), iter(range(9))
    background = Background(lambda: next(reads), fresh=5.0, clock=clock)
    assert [background.get(), background.get()] == [0, 0]
    clock.now = 5.0
    assert background.get() == 1


def test_nobody_waits_for_a_reading_that_hangs_and_none_piles_up() -> None:
    goes_on, reads = threading.Event(), iter(range(9))

    def hang() -> int:
        goes_on.wait(60)
        return next(reads)

    background = Background(hang, fresh=0.0, patience=0.05)
    assert [background.get() for _ in range(3)] == [None, None, None]
    reading = background.begin()
    assert reading is not None
    goes_on.set()
    reading.join(60)
    assert list(reads) == list(range(1, 9))  # it was read once


def test_two_readings_that_hang_take_the_time_of_one() -> None:
    goes_on = threading.Event()
    first, second = (Background(lambda: goes_on.wait(60), patience=1.0) for _ in range(2))
    began = time.monotonic()
    second.begin()
    assert (first.get(), second.get()) == (None, None)
    assert time.monotonic() - began < 1.9
    goes_on.set()


def test_a_reading_that_fails_is_logged_and_gives_nothing(caplog: pytest.LogCaptureFixture) -> None:
    background: Background[float] = Background(lambda: 1 / 0)
    assert background.get() is None
    assert [getattr(record, "action", "") for record in caplog.records] == ["process.metrics_failed"]
