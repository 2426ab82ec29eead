"""The metrics of a consumer process: what they are, and the receivers of signals that count them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from inbox import signals
from inbox.consumer import KAFKA, Consumer
from inbox.status.heartbeat import DATABASE
from outbox_core.metrics.declared import (
    EVENTS,
    MILLISECONDS,
    SECONDS,
    Metric,
    Sample,
    counter,
    gauge,
    histogram,
)
from outbox_core.wire.event import Event

if TYPE_CHECKING:
    from outbox_core.metrics.prometheus import Metrics

HANDLED = counter("inbox_consumer_handled_events_total", "Events that were handled.", "consumer")
BATCH_EVENTS = histogram(
    "inbox_consumer_batch_events", "Records of a batch, also those that no handler takes.", EVENTS, "consumer"
)
BATCH = histogram("inbox_consumer_batch_seconds", "Handling a batch, up to its commit.", SECONDS, "consumer")
HANDLER = histogram(
    "inbox_consumer_handler_seconds",
    "Handling one event, without the commit. The type is `other` if only a handler of all types takes it.",
    MILLISECONDS,
    "consumer",
    "type",
)
FAILURES = counter(
    "inbox_consumer_handler_failures_total",
    "Handlers that failed, also at a retry, by the class of the error.",
    "consumer",
    "type",
    "error",
)
ROLLED_BACK = counter(
    "inbox_consumer_batches_rolled_back_total",
    "Batches that were rolled back to find a failing event.",
    "consumer",
)
HELD = counter(
    "inbox_consumer_held_events_total",
    "Events held until a person decides, or behind one of their key.",
    "consumer",
)
RETRIES = counter(
    "inbox_consumer_retries_scheduled_total", "Events that failed and will be tried again.", "consumer"
)
OUTAGES = counter(
    "inbox_consumer_outages_total", "How often something was not available.", "consumer", "what"
)
MISSED = counter(
    "inbox_consumer_missed_records_total", "Offsets that Kafka deleted before they were read.", "consumer"
)
OUTAGE = gauge(
    "inbox_consumer_outage",
    "1 while it waits for this: Kafka, PostgreSQL, or a handler that fails for every key.",
    "consumer",
    "what",
)
PARTITIONS = gauge("inbox_consumer_partitions", "Partitions that this process reads.", "consumer")

COUNTED: tuple[Metric, ...] = (
    *(BATCH_EVENTS, BATCH, HANDLER, FAILURES, ROLLED_BACK, HELD, RETRIES, OUTAGES, MISSED),
)
READ: tuple[Metric, ...] = (HANDLED, OUTAGE, PARTITIONS)
METRICS = (*COUNTED, *READ)
OTHER = "other"
SERVICES = (KAFKA, DATABASE)
UID = "inbox.metrics"


class Counter(Protocol):
    """Where it is counted."""

    def add(self, metric: Metric, value: float, *labels: str) -> None:
        """Add to a counter."""

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Put a value into a histogram."""


class Counts:
    """Counts in ``metrics`` what handlers of one consumer do in this process. ``types`` are the event types
    that they name.
    """

    def __init__(self, consumer: str, types: Collection[str], metrics: Counter) -> None:
        self._name = consumer
        self._types = frozenset(types)
        self._metrics = metrics

    def listen(self) -> None:
        """Begin to count."""
        for name, receiver in self._receivers.items():
            getattr(signals, name).connect(receiver, weak=False, dispatch_uid=UID)

    def stop(self) -> None:
        """Count no more."""
        for name in self._receivers:
            getattr(signals, name).disconnect(dispatch_uid=UID)

    @property
    def _receivers(self) -> dict[str, Any]:
        return {
            "batch_handled": self._batch_handled,
            "batch_failed": self._batch_failed,
            "handler_ended": self._handler_ended,
            "event_held": self._event_held,
            "event_retried": self._event_retried,
            "hold_kept": self._hold_kept,
            "stalled": self._stalled,
            "records_missed": self._records_missed,
        }

    def _batch_handled(self, size: int, seconds: float, **_: Any) -> None:
        self._metrics.observe(BATCH_EVENTS, size, self._name)
        self._metrics.observe(BATCH, seconds, self._name)

    def _batch_failed(self, **_: Any) -> None:
        self._metrics.add(ROLLED_BACK, 1, self._name)

    def _handler_ended(self, event: Event, seconds: float, error: BaseException | None, **_: Any) -> None:
        type_ = event.type if event.type in self._types else OTHER
        self._metrics.observe(HANDLER, seconds, self._name, type_)
        if error is not None:
            self._metrics.add(FAILURES, 1, self._name, type_, type(error).__name__)

    def _event_held(self, **_: Any) -> None:
        self._metrics.add(HELD, 1, self._name)

    def _event_retried(self, **_: Any) -> None:
        self._metrics.add(RETRIES, 1, self._name)

    def _hold_kept(self, seconds: float | None, **_: Any) -> None:
        if seconds is not None:
            self._metrics.add(RETRIES, 1, self._name)

    def _stalled(self, what: str, **_: Any) -> None:
        self._metrics.add(OUTAGES, 1, self._name, what)

    def _records_missed(self, first: int, last: int, **_: Any) -> None:
        self._metrics.add(MISSED, last - first + 1, self._name)


class ConsumerMetrics(Counts):
    """Also shows how the consumer is."""

    def __init__(self, consumer: Consumer, types: Collection[str], metrics: Metrics) -> None:
        super().__init__(consumer.name, types, metrics)
        self._consumer = consumer
        metrics.declare(COUNTED)
        for service in SERVICES:
            metrics.add(OUTAGES, 0, self._name, service)
        for metric in (ROLLED_BACK, HELD, RETRIES, MISSED):
            metrics.add(metric, 0, self._name)
        metrics.read(self.samples, READ)

    def samples(self) -> Iterator[Sample]:
        """The gauges of the consumer now."""
        outages = set(self._consumer.outages)
        yield Sample(HANDLED, self._consumer.handled, (self._name,))
        yield Sample(PARTITIONS, self._consumer.partitions, (self._name,))
        for what in sorted({*SERVICES, *outages}):
            yield Sample(OUTAGE, what in outages, (self._name, what))
