"""Declares metrics: each once, with its unit in its name. The reference is generated from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

MILLISECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets for what usually takes milliseconds."""
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Buckets for what may take longer."""
EVENTS = (1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0, 5_000.0)
"""Buckets for numbers of events."""


class Kind(StrEnum):
    """The types of Prometheus that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A metric, named after the conventions of Prometheus: base units, and ``_total`` for a counter.

    ``labels`` never hold a key, an id or anything else of an event, only what the code or the configuration
    names: then their number stays small. A histogram has ``buckets``.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Sample(NamedTuple):
    """The value of a metric at one moment, and the values of its labels in their order."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


def counter(name: str, meaning: str, *labels: str) -> Metric:
    """A counter: it only grows, and begins at 0 when its process does."""
    return Metric(name, Kind.COUNTER, meaning, labels)


def gauge(name: str, meaning: str, *labels: str) -> Metric:
    """A gauge: a value now."""
    return Metric(name, Kind.GAUGE, meaning, labels)


def histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    """A histogram: how many values are in each bucket, and their sum."""
    return Metric(name, Kind.HISTOGRAM, meaning, labels, buckets)


PROGRESS_AGE = gauge("outbox_process_progress_age_seconds", "Seconds since the loop last made progress.")
"""Relays and consumers both have it."""
